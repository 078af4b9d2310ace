// Owns every reason code of Drover: what each means and whether trying again can help. Never formats for one screen.

/**
 * `transient`: the same request may succeed later without anyone changing anything.
 * `permanent`: it fails again until the input or the configuration changes.
 * `integrity`: bytes or claims are not what was signed; treat as hostile.
 * `internal`: a defect or damage on our side.
 */
export type ReasonKind = 'transient' | 'permanent' | 'integrity' | 'internal';

interface ReasonRow {
  readonly kind: ReasonKind;
  /** What happened, in one sentence, without the instance. */
  readonly means: string;
  /** What the reader does next. */
  readonly next: string;
}

const row = (kind: ReasonKind, means: string, next: string): ReasonRow => ({ kind, means, next });

/** The closed table of reason codes: one row a code, grouped by the part that says it. `docs/errors.md` is made from it. */
// biome-ignore format: one row a line, so that two people who add rows do not meet and a reader can scan it
export const REASONS = {
  // --- onnx: a model file is not one that may be loaded
  onnx_malformed: row('integrity', 'The bytes are not a readable ONNX model.', 'Export the model again and check that the file is complete.'),
  onnx_too_large: row('permanent', 'The ONNX file or one of its parts is larger than the limit.', 'Make the model smaller or raise the limit.'),
  onnx_external_data: row('permanent', 'The ONNX file keeps tensors outside the file.', 'Save it as one file, without external data.'),
  onnx_unknown_domain: row('permanent', 'The model uses an operator domain that the runtime does not have.', 'Export with ai.onnx and ai.onnx.ml operators only.'),
  onnx_unknown_operator: row('permanent', 'The model uses an operator that the runtime does not have.', 'Replace the named operator and export again.'),
  onnx_unsupported_opset: row('permanent', 'The model asks for an operator set that the runtime does not have.', 'Export for ai.onnx 7 to 26 and ai.onnx.ml 1 to 5.'),
  onnx_unsupported_ir: row('permanent', 'The model asks for a newer ONNX file format than the runtime reads.', 'Export with IR version 13 or older.'),
  onnx_size_mismatch: row('integrity', 'A tensor has another number of bytes than its shape and type need.', 'Export the model again.'),
  onnx_unsupported_type: row('permanent', 'An input or output of the model is not a tensor that every runtime can pass.', 'Export with tensor inputs and outputs: no ZipMap (zipmap=False), no float16.'),
  onnx_signature_mismatch: row('integrity', 'The inputs or outputs of the model are not those that its manifest states.', 'Register the model again.'),
  onnx_load_failed: row('permanent', 'The runtime refused to load the model.', 'Read the runtime message and export the model again.'),
  // --- infer: one prediction
  input_missing: row('permanent', 'A required input or field is missing.', 'Send every field that the model metadata lists.'),
  input_extra: row('permanent', 'A field is present that the model does not know.', 'Remove the field or check its spelling.'),
  input_type: row('permanent', 'A value has the wrong type.', 'Send numbers for numeric fields and text for categorical ones.'),
  input_shape: row('permanent', 'A tensor has another shape than the model takes.', 'Read the shape from the model metadata.'),
  run_failed: row('internal', 'The runtime failed while it computed the prediction.', 'Look at the agent log; the previous model keeps serving.'),
  runtime_unavailable: row('permanent', 'No ONNX Runtime can be used on this machine.', 'Install on a supported platform or choose the other runtime.'),
  // --- learn: data and training
  data_unreadable: row('permanent', 'The data file cannot be read as delimited text.', 'Check the delimiter, the header line and the encoding.'),
  data_empty: row('permanent', 'There are no rows to train on.', 'Give more data.'),
  data_column_missing: row('permanent', 'A named column does not exist.', 'Choose one of the columns that the message lists.'),
  data_one_class: row('permanent', 'The label has only one class in the training rows.', 'Choose another label or more data.'),
  data_label_invalid: row('permanent', 'The label column holds values that cannot be learned.', 'Clean the label column.'),
  data_no_features: row('permanent', 'No usable feature column is left.', 'Exclude fewer columns.'),
  data_too_large: row('permanent', 'The data set is larger than the limit.', 'Sample the data or raise the limit.'),
  params_invalid: row('permanent', 'A training parameter is unknown or out of range.', 'Correct the named parameter.'),
  training_failed: row('internal', 'The training process ended without a model.', 'Read the log of the run.'),
  training_cancelled: row('permanent', 'The run was cancelled.', 'Start it again if that was not meant.'),
  training_timeout: row('permanent', 'The training process took longer than its limit.', 'Raise the limit or train on less data.'),
  // --- sketch: statistics bytes
  sketch_malformed: row('integrity', 'The statistics bytes cannot be read.', 'Update the agent or the hub; the window is quarantined.'),
  sketch_version: row('permanent', 'The statistics bytes have a version that this program does not know.', 'Update the older side.'),
  sketch_baseline_mismatch: row('permanent', 'The statistics were counted on other bin edges.', 'They are kept apart; nothing to do.'),
  baseline_invalid: row('integrity', 'The baseline of the model cannot be used.', 'Register the model again.'),
  // --- core: names and documents
  device_id_invalid: row('permanent', 'The device id is not allowed.', 'Choose lower-case letters, digits, "-" and "_", at most 63.'),
  name_invalid: row('permanent', 'The name is not allowed.', 'Choose lower-case letters, digits, ".", "-" and "_", at most 63.'),
  digest_invalid: row('permanent', 'The digest cannot be read.', 'Give 64 hex characters, with or without "sha256:".'),
  query_invalid: row('permanent', 'The label query cannot be read.', 'Correct it at the place that the message names.'),
  // --- desired: what a device should run
  desired_other_device: row('integrity', 'The desired document is for another device.', 'Nothing changes; look for a replay.'),
  desired_stale: row('permanent', 'The desired document is older than the one held.', 'Nothing to do; the hub sends a newer one.'),
  desired_conflict: row('integrity', 'Two desired documents carry the same generation.', 'Look for a hub that was restored or copied.'),
  // --- trust: signed documents
  signature_missing: row('integrity', 'No signature by a key that may sign this was found.', 'Sign with the key that the root names, or join again.'),
  signature_invalid: row('integrity', 'A signature does not match its document.', 'Fetch the document again; if it stays, look for tampering.'),
  envelope_malformed: row('integrity', 'The signed envelope cannot be read.', 'Fetch it again.'),
  payload_type_mismatch: row('integrity', 'The signed document is of another kind than expected.', 'Fetch the right document.'),
  manifest_invalid: row('integrity', 'The manifest is signed but its content is not acceptable.', 'Register the version again.'),
  document_invalid: row('integrity', 'The document is signed but its content is not acceptable.', 'Update the older side.'),
  root_invalid: row('integrity', 'The trusted root cannot be used.', 'Join the device again.'),
  key_invalid: row('permanent', 'The key file cannot be used.', 'Check the path, the mode (0600) and the format.'),
  // --- delivery: artifacts
  artifact_digest_mismatch: row('integrity', 'The bytes do not have the digest that was signed.', 'They are thrown away and fetched again.'),
  artifact_size_mismatch: row('integrity', 'The bytes do not have the size that was signed.', 'They are thrown away and fetched again.'),
  artifact_unknown: row('permanent', 'The hub does not hold these bytes.', 'Register the version again.'),
  artifact_not_entitled: row('permanent', 'The device asked for bytes that its desired document does not name.', 'Nothing to do; deploy the version to the device first.'),
  artifact_timeout: row('transient', 'The download made no progress in time.', 'It is tried again by itself.'),
  disk_full: row('transient', 'There is no room left on the disk.', 'Free some space; it is tried again by itself.'),
  // --- deployment: on the device
  self_test_failed: row('permanent', 'The model does not give the answers that its bundle promises on this device.', 'The previous model keeps serving; look at the vectors.'),
  load_failed: row('permanent', 'The model could not be loaded.', 'The previous model keeps serving; read the detail.'),
  activation_crashed: row('permanent', 'The agent crashed repeatedly after it switched to this model.', 'The previous model serves again; test the version on one device.'),
  previous_missing: row('internal', 'There is no previous model to go back to.', 'Deploy a version that works.'),
  retries_exhausted: row('permanent', 'The download failed too often.', 'Look at the link, then deploy again.'),
  desired_expired: row('permanent', 'The desired document expired before it was carried out.', 'Deploy again.'),
  slot_not_allowed: row('permanent', 'The device configuration does not allow this slot.', 'Allow the slot on the device or deploy to another.'),
  slot_empty: row('permanent', 'No model serves in this slot.', 'Deploy a model to the slot.'),
  // --- wire: messages
  wire_malformed: row('integrity', 'The message cannot be decoded.', 'Update the older side; the message is dropped and counted.'),
  wire_too_large: row('permanent', 'The message is larger than its kind allows.', 'Send less in one message.'),
  wire_schema: row('permanent', 'The message has a schema version that this program does not know.', 'Update the older side.'),
  wire_kind_mismatch: row('integrity', 'The message is of another kind than its topic says.', 'Update the older side.'),
  wire_field_invalid: row('permanent', 'A field of the message is missing or out of range.', 'Update the older side.'),
  wire_unknown_kind: row('permanent', 'An entry is of a kind that this program does not know.', 'Update the hub; the entry is kept in quarantine.'),
  topic_invalid: row('integrity', 'The topic is not one of ours.', 'Use the topics of docs/wire.md.'),
  answer_invalid: row('permanent', 'The answer does not have the expected shape.', 'Update the older side.'),
  // --- cli: the command line and its files
  client_config_invalid: row('permanent', 'The configuration of the command line cannot be used.', 'Correct the named file, variable or flag.'),
  argument_invalid: row('permanent', 'An argument cannot be used.', 'See the command with --help.'),
  // --- agent: the process on the device
  agent_config_invalid: row('permanent', 'The agent cannot start with these settings.', 'Correct the named flag, variable or key; --help lists all.'),
  agent_not_joined: row('permanent', 'This data directory holds no usable identity.', 'Run "drover agent join" first.'),
  agent_running: row('permanent', 'Another agent uses this data directory.', 'Stop it, or choose another directory with --data.'),
  agent_data_newer: row('permanent', 'The data directory was written by a newer agent.', 'Update this agent or choose another directory.'),
  agent_port_taken: row('permanent', 'The address of the local inference server is taken.', 'Choose another with --http, or port 0 for any free one.'),
  agent_request_invalid: row('permanent', 'The request cannot be read.', 'Correct what the message names; see the Open Inference Protocol.'),
  agent_request_too_large: row('permanent', 'The request is larger than the limit.', 'Send fewer rows in one request.'),
  agent_not_found: row('permanent', 'There is nothing at this address.', 'GET /v1/status lists what this agent serves.'),
  hub_unreachable: row('transient', 'The hub does not answer.', 'Check the address and that the hub runs, then try again.'),
  join_refused: row('permanent', 'The hub did not take the device in.', 'Read the reason that the hub gives.'),
  reading_unreadable: row('permanent', 'A sensor reading cannot be read as fields.', 'Send one JSON object, or one delimited line with the columns of the header.'),
  label_unknown: row('permanent', 'The label belongs to a prediction that is not remembered any more, or already has its label.', 'Send labels sooner; it is counted as unmatched.'),
  label_invalid: row('permanent', 'The label is not one that the model could have answered.', 'Send one of the class names, or a number for a regression.'),
  cmd_expired: row('permanent', 'The command arrived after its time.', 'Send it again with a later expiry.'),
  // --- sim: the generator of a machine fleet
  simulation_invalid: row('permanent', 'The options of the simulated fleet are out of range.', 'Correct the named option.'),
  // --- hub: its database
  database_newer: row('permanent', 'The database was written by a newer Drover.', 'Start that version or newer, or restore the backup made before the upgrade.'),
  database_altered: row('internal', 'The database was migrated by other code than this version has.', 'Start the release that made it, or restore a backup.'),
  // --- hub: devices at the broker
  mqtt_packet_too_large: row('permanent', 'An MQTT packet is larger than its kind allows.', 'The connection is closed; send less in one packet.'),
  mqtt_packet_invalid: row('integrity', 'The bytes are not the MQTT packets that a device may send.', 'The connection is closed; use an MQTT 3.1.1 client.'),
  device_unknown: row('permanent', 'No device has this id.', 'Join the device first.'),
  device_id_taken: row('permanent', 'A device with this id exists already.', 'Choose another id, or say that the device joins again.'),
  device_secret_wrong: row('permanent', 'The device secret does not match.', 'Join the device again.'),
  device_already_connected: row('permanent', 'Another live connection uses this device id; it stays.', 'Look for a copied identity: each device joins on its own.'),
  device_not_allowed: row('permanent', 'The device may not publish or subscribe there.', 'Use the topics of docs/wire.md.'),
  session_unsupported: row('permanent', 'The hub keeps no persistent MQTT sessions.', 'Connect with a clean session, a keep-alive and QoS 0 or 1.'),
  subject_not_allowed: row('permanent', 'The device speaks for something that is not approved behind it.', 'Approve the child device first.'),
  window_conflict: row('integrity', 'The same window revision arrived twice with different content.', 'The first one is kept; look for a copied device.'),
  entry_unstorable: row('internal', 'The hub could not store an entry.', 'It is kept in quarantine; report it with the log of the hub.'),
  hub_busy: row('transient', 'The hub has too much to do at the moment.', 'It is tried again by itself.'),
  cmd_limit: row('transient', 'Too many commands wait for this device.', 'Wait until the device answered some of them.'),
  // --- hub: blobs
  blob_too_large: row('permanent', 'The file is larger than the limit.', 'Make it smaller or raise the limit.'),
  blob_quota: row('permanent', 'The store of files is full.', 'Remove old versions or raise the quota.'),
  // --- hub: rollouts
  model_unknown: row('permanent', 'No model has this name.', 'List the models and choose one.'),
  version_unknown: row('permanent', 'The model has no such version or alias.', 'List the versions and choose one.'),
  target_invalid: row('permanent', 'The rollout does not say which devices it is for.', 'Give either devices or a label query.'),
  target_empty: row('permanent', 'No device matches the target of the rollout.', 'Check the label query or join devices first.'),
  rollout_unknown: row('permanent', 'No rollout has this id.', 'List the rollouts and choose one.'),
  rollout_ended: row('permanent', 'The rollout has ended; ended rollouts do not change.', 'Start a new rollout.'),
  write_conflict: row('transient', 'Someone else changed the same thing at the same moment.', 'Read it again and repeat the request.'),
  opset_too_new: row('permanent', 'The model needs a newer operator set than the runtime on the device has.', 'Update the agent or export for an older operator set.'),
  // --- hub: configuration and start
  config_invalid: row('permanent', 'The configuration cannot be used.', 'Correct the named setting; --help lists all.'),
  dev_not_loopback: row('permanent', 'Development mode listens on loopback only.', 'Bind to 127.0.0.1, or give --tls-cert and --tls-key.'),
  tls_required: row('permanent', 'The hub does not start without TLS outside development mode.', 'Give --tls-cert and --tls-key, or --dev on loopback.'),
  port_taken: row('permanent', 'The port is in use by another program.', 'Stop that program or choose another port with the named flag.'),
  data_locked: row('permanent', 'Another hub uses this data folder.', 'Stop it, or give --data another folder.'),
  // --- hub: HTTP
  token_refused: row('permanent', 'The request carries no valid token.', 'Send "Authorization: Bearer" with the content of run/token in the data folder of the hub.'),
  host_refused: row('permanent', 'The Host header names a host that this hub does not answer for.', 'Use the address that the hub printed, or start it with --allow-host.'),
  origin_refused: row('permanent', 'The request comes from a page of another origin.', 'Use the address of the hub itself.'),
  request_invalid: row('permanent', 'The request does not match the API.', 'Correct the named field; /api/v1/openapi.json describes it.'),
  body_too_large: row('permanent', 'The body is larger than the limit.', 'Send less, or raise the limit in the configuration.'),
  body_type: row('permanent', 'The body has a content type that this route does not take.', 'Send the type that the API description names.'),
  not_found: row('permanent', 'There is no such thing.', 'Check the name or id.'),
  idempotency_conflict: row('permanent', 'The same Idempotency-Key was used for another request.', 'Use a new key for a new request.'),
  idempotency_busy: row('transient', 'A request with the same Idempotency-Key is being worked on.', 'Ask again in a moment.'),
  hub_failed: row('internal', 'The hub failed on its side.', 'Look for the request id in the log of the hub.'),
  // --- hub: registry and training
  version_conflict: row('permanent', 'This version number belongs to another manifest.', 'Prepare the version again and sign what that gives.'),
  alias_reserved: row('permanent', 'The alias cannot be set.', 'Choose a name that starts with a letter and is not "latest".'),
  acceptance_failed: row('integrity', 'The model does not give the answers that its trainer promised.', 'Read the log of the run; nothing was registered.'),
  queue_full: row('transient', 'Too many training runs wait already.', 'Wait until one is done, or cancel one.'),
  run_not_active: row('permanent', 'The run has ended already.', 'Nothing to do.'),
  hub_restarted: row('transient', 'The hub ended while the run was working.', 'Start the run again.'),
  hub_stopping: row('transient', 'The hub is shutting down.', 'Ask again when it is back.'),
} as const satisfies Record<string, ReasonRow>;

export type ReasonCode = keyof typeof REASONS;

/** An expected "no": returned, never thrown. `detail` names the instance (which file, field, device) and holds no secret. */
export interface Refusal {
  readonly ok: false;
  readonly code: ReasonCode;
  readonly detail: string;
}

export type Result<T> = { readonly ok: true; readonly value: T } | Refusal;

export const accept = <T>(value: T): Result<T> => ({ ok: true, value });
export const refuse = (code: ReasonCode, detail: string): Refusal => ({ ok: false, code, detail });

export const isReasonCode = (code: string): code is ReasonCode => Object.hasOwn(REASONS, code);

/** One sentence for a person: what, which, and what next. */
export const explain = (refusal: { code: ReasonCode; detail: string }): string =>
  `${REASONS[refusal.code].means} ${refusal.detail} ${REASONS[refusal.code].next}`.replace(/ {2,}/g, ' ');
