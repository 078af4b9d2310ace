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
  // --- identity: certificates of hub and devices
  ca_invalid: row('permanent', 'The certificate authority of the hub cannot be used.', 'Give a P-256 CA certificate with its key, or let the hub make one in an empty keys folder.'),
  csr_invalid: row('permanent', 'The certificate request cannot be used.', 'Send a PKCS#10 request in DER that is signed by its own P-256 key.'),
  device_certificate_missing: row('permanent', 'The request carries no certificate of this hub.', 'Connect with the certificate that the device got when it joined.'),
  device_certificate_invalid: row('permanent', 'The certificate is not one that this hub issued to that device.', 'Join the device again.'),
  device_certificate_expired: row('permanent', 'The certificate of the device has expired.', 'The agent renews it by itself with its key; it needs to reach the devices listener.'),
  device_rate_limited: row('transient', 'Too many requests came from this address.', 'Wait as long as the message says.'),
  claim_invalid: row('permanent', 'The claim or address cannot be read.', 'Copy the whole string that "drover device claim" printed.'),
  claim_unknown: row('permanent', 'The hub knows no such code or token.', 'Make a claim or token on this hub; codes are shown once.'),
  claim_expired: row('permanent', 'The code or token has expired.', 'Make a new one with "drover device claim" or "drover device batch-token".'),
  claim_used: row('permanent', 'The code was used by another device, or the token as often as it may be.', 'Make a new one; if nobody of yours used the code, look for who did.'),
  factory_certificate_invalid: row('integrity', 'The factory certificate does not vouch for this device.', 'Register the CA of its maker, and give the certificate with its intermediates and the matching key.'),
  device_proof_wrong: row('integrity', 'The request is not signed by the key that the device enrolled with.', 'Use the data directory that the device joined with, or join again.'),
  enrolment_unknown: row('permanent', 'No such enrolment waits.', 'List those that wait with "drover device pending".'),
  enrolment_rejected: row('permanent', 'A person rejected this device.', 'Ask who did, then join again with a new claim or token.'),
  enrolment_changed: row('permanent', 'Another device got this id or hardware while this one waited.', 'Compare both keys with "drover device pending", then approve again or reject it.'),
  enrolment_queue_full: row('transient', 'Too many devices wait for a person already.', 'Approve or reject some of them: drover device pending.'),
  enrolment_pending: row('transient', 'The device waits for a person.', 'Approve it with "drover device approve"; the agent asks again by itself.'),
  ca_mismatch: row('integrity', 'What answers does not have the CA that the claim names.', 'Do not go on: the address leads to another hub, or somebody is in between.'),
  dev_without_certificates: row('permanent', 'In development devices join with an id and a secret.', 'Run "drover agent join" on this machine, or start the hub without --dev.'),
  join_needs_claim: row('permanent', 'Outside development a device joins with a key of its own, not with a secret.', 'Make a claim with "drover device claim" and give it to "drover agent join --claim".'),
  enrol_other_device: row('permanent', 'The claim is for another device id.', 'Ask for that id or for none, or make a claim for this one.'),
  enrol_key_known: row('permanent', 'The key belongs to a device with another id.', 'Ask for that id or for none, or make a new key with --new-key.'),
  device_revoked: row('permanent', 'The identity of this device was revoked.', 'If that was a mistake, make a claim for the same id and join again.'),
  // --- release: who released which version (TUF metadata)
  team_invalid: row('permanent', 'The name of the publisher team is not allowed.', 'Choose lower-case letters, digits, "-" and "_", at most 31.'),
  team_unknown: row('permanent', 'The release metadata knows no such publisher team, or none with this key.', 'Add it: drover keys team add TEAM.'),
  metadata_name_invalid: row('permanent', 'This is not the name of a role, file or target of the release metadata.', 'See docs/keys.md for the names.'),
  metadata_malformed: row('integrity', 'The release metadata cannot be read.', 'Make it again with this version of drover.'),
  metadata_unsigned: row('integrity', 'The release metadata carries too few signatures by keys of its role.', 'Add the missing ones: drover keys sign FILE --key KEY.'),
  // --- release metadata: who released a model (ADR 0008)
  metadata_unreachable: row('transient', 'The release metadata cannot be reached.', 'It is tried again by itself; check the connection to the hub.'),
  metadata_timeout: row('transient', 'A file of the release metadata did not come in time.', 'It is tried again by itself; check the link.'),
  metadata_rate: row('transient', 'The device asks for release metadata too often.', 'It is tried again by itself.'),
  metadata_not_found: row('transient', 'A file that the release metadata needs is not there.', 'It is tried again by itself; publish the repository again if it stays.'),
  metadata_too_large: row('integrity', 'A file of the release metadata is larger than its role allows.', 'Nothing changes; look for a hub that is not yours, or release fewer versions at once.'),
  metadata_rollback: row('integrity', 'Release metadata is older than what the device has seen.', 'Nothing changes; look for a replay, or for a hub that was restored from a backup.'),
  metadata_mismatch: row('integrity', 'Files of the release metadata do not belong together.', 'Nothing changes; look for tampering, or publish the repository again.'),
  metadata_frozen: row('integrity', 'The newest release metadata that is offered has expired: what is newer is kept back, or nobody signs any more.', 'What runs goes on; check that the hub runs and signs, and the clock of the device.'),
  metadata_expired: row('permanent', 'Release metadata has expired.', 'What runs goes on; sign the named role again, and check the clock of the device.'),
  metadata_disk: row('transient', 'The release metadata cannot be stored on this device.', 'Free some space; it is tried again by itself.'),
  release_not_approved: row('permanent', 'The release metadata does not list this version.', 'Approve the version, or deploy one that is.'),
  release_path_not_allowed: row('integrity', 'The release is named by a path, or listed by a role, that may not name it.', 'Nothing changes; look at who signs the delegations.'),
  release_digest_mismatch: row('integrity', 'The manifest is not the one that the release metadata lists.', 'Nothing changes; look for tampering.'),
  release_downgrade: row('integrity', 'The release is older than the lowest that the model may have.', 'Deploy a newer version, or release the old one again under a new number.'),
  release_person_required: row('permanent', 'This device only takes what a person released, and a hub signed this.', 'Have a release key that is held off the hub sign it.'),
  metadata_version: row('permanent', 'The release metadata does not follow the version that is held.', 'Fetch what is held now and make the change again.'),
  metadata_expiry: row('permanent', 'The release metadata expires too soon or too late.', 'Check the clock of the machine that signed, then sign again.'),
  metadata_forbidden: row('integrity', 'The signed release metadata says something that this role may not say.', 'Make it with this version of drover; if it was made so, look for tampering.'),
  release_unlisted: row('permanent', 'No release metadata lists this version, so no device would install it.', 'List it: drover model release MODEL@VERSION --key KEY.'),
  release_mismatch: row('integrity', 'The release metadata lists another manifest than the registered one.', 'Look at the version, then make the change again.'),
  release_changed: row('integrity', 'The signed release metadata changes more than was asked for.', 'Nothing was changed; make the change again.'),
  release_full: row('permanent', 'A model has at most 100 approved versions in one team.', 'Withdraw old ones: drover model withdraw MODEL@VERSION.'),
  min_release_lowered: row('permanent', 'The minimum release of a model never goes down.', 'Devices remember the highest one that they saw; release a newer version.'),
  root_key_missing: row('permanent', 'A key that the new root or targets name for the hub is not among its key files.', 'Put the key file into keys/ of the data folder, then install again.'),
  keys_not_installed: row('permanent', 'The hub has no release keys and does not make its own outside development mode.', 'Make them once with "drover keys init --data DATA". To try things out, start with --dev.'),
  passphrase_missing: row('permanent', 'The key is encrypted and there is no passphrase.', 'Give --passphrase-file FILE (mode 600), DROVER_KEY_PASSPHRASE_FILE or DROVER_KEY_PASSPHRASE, or type it at a terminal.'),
  passphrase_wrong: row('permanent', 'The passphrase does not open the key, or is not good enough for a new one.', 'Check the passphrase; if it is right, the file was altered: restore it from a backup.'),
  signer_failed: row('transient', 'The program or device that holds the key did not sign.', 'Check the token or service, then try again.'),
  // --- delivery: artifacts
  artifact_digest_mismatch: row('integrity', 'The bytes do not have the digest that was signed.', 'They are thrown away and fetched again.'),
  artifact_size_mismatch: row('integrity', 'The bytes do not have the size that was signed.', 'They are thrown away and fetched again.'),
  artifact_unknown: row('permanent', 'The hub does not hold these bytes.', 'Register the version again.'),
  artifact_not_entitled: row('permanent', 'The device asked for bytes that its desired document does not name.', 'Nothing to do; deploy the version to the device first.'),
  artifact_timeout: row('transient', 'The download made no progress in time.', 'It is tried again by itself.'),
  source_unavailable: row('transient', 'A way to the bytes cannot be used.', 'Another one is taken by itself; look at the detail if it should have worked.'),
  disk_full: row('transient', 'There is no room left on the disk.', 'Free some space; it is tried again by itself.'),
  // --- delta: recipes that tell one artifact from another
  recipe_malformed: row('integrity', 'The recipe of an artifact is damaged.', 'Nothing to do; the artifact is fetched in full.'),
  recipe_version: row('permanent', 'The recipe of an artifact has a version that this program does not know.', 'Update the older side; the artifact is fetched in full.'),
  recipe_other_pair: row('integrity', 'The recipe is for other artifacts.', 'Nothing to do; the artifact is fetched in full.'),
  recipe_stopped: row('transient', 'A recipe was not made within its bounds of time and memory.', 'Nothing to do; the artifact is sent in full.'),
  // --- sealed: artifacts that are confidential
  sealed_malformed: row('integrity', 'A sealed artifact is damaged or another one.', 'It is fetched again.'),
  sealed_key_invalid: row('permanent', 'The device names no key to which an artifact could be sealed.', 'Update the agent; a confidential model reaches only devices that can unseal it.'),
  sealed_key_refused: row('integrity', 'The key of a sealed artifact is not for this device.', 'Deploy again; look for a copied message if it stays.'),
  sealed_required: row('permanent', 'The model is confidential: the hub gives it only sealed.', 'Update the agent, or take the mark from the model.'),
  // --- deployment: on the device
  self_test_failed: row('permanent', 'The model does not give the answers that its bundle promises on this device.', 'The previous model keeps serving; look at the vectors.'),
  load_failed: row('permanent', 'The model could not be loaded.', 'The previous model keeps serving; read the detail.'),
  activation_crashed: row('permanent', 'The agent crashed repeatedly after it switched to this model.', 'The previous model serves again; test the version on one device.'),
  verification_crashed: row('permanent', 'The agent crashed repeatedly while it checked this model.', 'The model before keeps serving; test the version on one device.'),
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
  decision_unknown: row('permanent', 'The prediction is not in the decision log of this device.', 'Check the id; the log keeps the newest predictions, as many as --decisions-mb holds.'),
  decision_input_absent: row('permanent', 'The decision log has no input of this prediction.', 'Run the agent with --decisions inputs to be able to replay.'),
  replay_model_gone: row('permanent', 'The model that answered is no longer on this device.', 'Deploy that version again, then replay.'),
  replay_impossible: row('permanent', 'The prediction cannot be run again.', 'Read the detail.'),
  // --- rules: why an answer of an agent is not simply the model's own
  answer_not_number: row('internal', 'The model answered with something that is no number.', 'The previous model or the rule of the bundle answered; look at the input and the model.'),
  answer_late: row('transient', 'The model took longer than the rules of its bundle allow.', 'Look at the load of the device, or use a smaller model.'),
  answer_beyond_limit: row('permanent', 'A field is beyond the limits of the bundle.', 'Check the sensor that the detail names.'),
  telemetry_reduced: row('permanent', 'Windows would cost more than the device may send in a day, so they say less.', 'Raise --telemetry-kb-day, lengthen the windows of the hub, or live with less detail.'),
  answer_novel: row('permanent', 'The row is unlike those that the model was trained on.', 'Do not rely on the answer; capture and label such rows.'),
  answer_unsure: row('permanent', 'The model is less sure than the rules of its bundle ask for.', 'Let a person or a rule decide.'),
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
  rollout_state: row('permanent', 'The rollout is not in a state in which this can be done.', 'Look at its state with drover rollout show.'),
  rollout_conflict: row('permanent', 'A rollout of higher priority holds devices of this one.', 'Wait for its end, end it, or give this one a priority that is at least as high.'),
  plan_invalid: row('permanent', 'The rollout plan cannot be meant.', 'Correct the field that the message names.'),
  approval_own: row('permanent', 'Nobody agrees to their own rollout.', 'Ask another person with the role approver.'),
  approval_stale: row('permanent', 'The plan that was agreed to is not the plan of the rollout.', 'Read the plan again and agree to its hash.'),
  approval_twice: row('permanent', 'This person agreed before; it counts once.', 'Ask another person.'),
  group_unknown: row('permanent', 'No group has this name.', 'List the groups and choose one.'),
  group_in_use: row('permanent', 'A rollout that is under way was started for the group.', 'Wait for its end or abort it first.'),
  activation_held: row('transient', 'Somebody on site holds the device: it has everything and does not switch now.', 'Remove the hold file of the agent when the machine may be changed.'),
  deployment_timeout: row('permanent', 'The device made no progress within the deadline of the plan.', 'Look at the device: its log says how far it came.'),
  write_conflict: row('transient', 'Someone else changed the same thing at the same moment.', 'Read it again and repeat the request.'),
  feature_missing: row('permanent', 'The agent on the device is too old for what is asked of it.', 'Update the agent, or leave the device out.'),
  opset_too_new: row('permanent', 'The model needs a newer operator set than the runtime on the device has.', 'Update the agent or export for an older operator set.'),
  // --- hub: configuration and start
  config_invalid: row('permanent', 'The configuration cannot be used.', 'Correct the named setting; --help lists all.'),
  dev_not_loopback: row('permanent', 'Development mode listens on loopback only.', 'Bind to 127.0.0.1, or leave --dev out.'),
  port_taken: row('permanent', 'The port is in use by another program.', 'Stop that program or choose another port with the named flag.'),
  data_locked: row('permanent', 'Another hub uses this data folder.', 'Stop it, or give --data another folder.'),
  // --- hub: HTTP
  token_refused: row('permanent', 'The request carries no valid token.', 'Sign in with "drover login", or send "Authorization: Bearer" with a token of this hub.'),
  host_refused: row('permanent', 'The Host header names a host that this hub does not answer for.', 'Use the address that the hub printed, or start it with --allow-host.'),
  origin_refused: row('permanent', 'The request comes from a page of another origin.', 'Use the address of the hub itself.'),
  request_invalid: row('permanent', 'The request does not match the API.', 'Correct the named field; /api/v1/openapi.json describes it.'),
  body_too_large: row('permanent', 'The body is larger than the limit.', 'Send less, or raise the limit in the configuration.'),
  body_type: row('permanent', 'The body has a content type that this route does not take.', 'Send the type that the API description names.'),
  not_found: row('permanent', 'There is no such thing.', 'Check the name or id.'),
  idempotency_conflict: row('permanent', 'The same Idempotency-Key was used for another request.', 'Use a new key for a new request.'),
  idempotency_busy: row('transient', 'A request with the same Idempotency-Key is being worked on.', 'Ask again in a moment.'),
  hub_failed: row('internal', 'The hub failed on its side.', 'Look for the request id in the log of the hub.'),
  // --- hub: people, sessions and tokens
  role_missing: row('permanent', 'The role that this needs is not held.', 'Ask an admin for the role, or use an account or token that has it.'),
  sign_in_refused: row('permanent', 'The name and the password do not fit.', 'Check both; an admin can reset the password with "drover user reset".'),
  sign_in_locked: row('transient', 'There were too many failures for this name.', 'Wait, sign in from where you did before, or let an admin run "drover user unlock".'),
  sign_in_busy: row('transient', 'Too many people sign in at this moment.', 'Try again in a moment.'),
  rate_limited: row('transient', 'Too many requests came from here.', 'Wait as long as Retry-After says.'),
  session_ended: row('permanent', 'The session has ended or never was.', 'Sign in again.'),
  csrf_refused: row('permanent', 'The change was not asked for by a page of this hub.', 'Send the header X-Drover-CSRF with the token of the session, from a page of the hub itself.'),
  token_expired: row('permanent', 'The token has expired.', 'Let an admin make a new one with "drover token create".'),
  setup_code_refused: row('permanent', 'The setup code does not hold.', 'Use the newest one: each works once and for a limited time.'),
  password_weak: row('permanent', 'The password may not be used.', 'Choose a longer one, such as four or five words that nobody would put together.'),
  roles_invalid: row('permanent', 'The roles cannot be given.', 'Give at least one of viewer, operator, approver, trainer and admin.'),
  person_unknown: row('permanent', 'No person has this name.', 'List them with "drover user list".'),
  person_exists: row('permanent', 'There is a person with this name already.', 'Choose another name.'),
  person_limit: row('permanent', 'The hub holds as many people or tokens as it may.', 'Remove those that are not used.'),
  person_elsewhere: row('permanent', 'The person signs in at another service and has no password here.', 'Reset it at that service.'),
  last_admin: row('permanent', 'The hub would be left without an admin.', 'Make somebody else an admin first.'),
  api_token_unknown: row('permanent', 'No token has this name.', 'List them with "drover token list".'),
  api_token_exists: row('permanent', 'There is a token with this name already.', 'Choose another name, or revoke that one first.'),
  oidc_off: row('permanent', 'This hub has no sign-in at another service.', 'Sign in with name and password, or set oidcIssuer.'),
  oidc_failed: row('permanent', 'The sign-in at the other service came to nothing.', 'Start it again; the log of the hub says what was wrong.'),
  oidc_no_role: row('permanent', 'The sign-in service gives no role on this hub.', 'Let its admin put you into a group that oidcRoles maps to a role.'),
  oidc_name_taken: row('permanent', 'A person of this hub has that name already and belongs to somebody else.', 'Let an admin remove that one, or choose another oidcNameClaim.'),
  oidc_unreachable: row('transient', 'The sign-in service does not answer.', 'Try again, or sign in with name and password.'),
  // --- carry: directories that people carry between a hub and devices without a network
  carrier_unusable: row('permanent', 'The directory cannot be used.', 'Check the path, that it is mounted, and that you may read and write it.'),
  carrier_unsafe: row('integrity', 'The directory holds something that a carried directory never does: a link, a device, a strange name.', 'Nothing was read; find out who changed it and export again.'),
  carrier_empty: row('permanent', 'The directory holds nothing for this side.', 'Check the path; export on the other side first.'),
  carrier_torn: row('permanent', 'A file of the carried directory is missing or cut short.', 'Copy the directory again, or export again; nothing was taken from it.'),
  carrier_altered: row('integrity', 'A file of the carried directory is not the one that its index names.', 'Nothing was taken from it; export again, and find out who changed it.'),
  carrier_too_large: row('permanent', 'A file of the carried directory is larger than its kind allows.', 'Export again.'),
  report_invalid: row('integrity', 'The carried report is not one that an agent writes.', 'Update the older side and export again.'),
  report_too_large: row('permanent', 'The carried report is larger than a full outbox can be.', 'Export again.'),
  report_proof_wrong: row('integrity', 'The carried report was not written by the device that it names, or it was changed.', 'Export again on the device; after a rejoin only its new identity counts.'),
  report_foreign: row('permanent', 'The carried report is for another hub.', 'Import it at the hub that the device joined.'),
  report_stale: row('permanent', 'A newer report of this device was imported already.', 'Nothing is missing: the newer one holds everything that this one does.'),
  report_conflict: row('integrity', 'Two carried reports of a device have the same number and other content.', 'The first one is kept; look for a copied device.'),
  export_invalid: row('integrity', 'The carried export is not one that a hub writes.', 'Update the older side and export again.'),
  export_expired: row('permanent', 'The carried export is not good any more.', 'Export again at the hub; what runs on the device keeps running.'),
  export_stale: row('permanent', 'A newer export of this hub was taken by this device already.', 'Use the newer one.'),
  export_foreign: row('permanent', 'The carried export is of another hub.', 'Export at the hub that the device joined.'),
  export_other_device: row('permanent', 'The carried directory holds nothing for this device.', 'Export again at the hub and name this device.'),
  export_nothing: row('permanent', 'There is nothing to export for a device.', 'Deploy a model to it first; a device that never reported carries its first report to the hub before that.'),
  export_confidential: row('permanent', 'A confidential model does not leave the hub in a directory.', 'Bring it over a network, where it is sealed for the device, or take the mark away.'),
  export_too_large: row('permanent', 'The export would hold more than one directory may.', 'Export fewer devices at a time.'),
  export_too_long: row('permanent', 'The export cannot be good for so long.', 'Ask for less, or raise the limit that is named.'),
  ack_foreign: row('permanent', 'The carried acknowledgement is for another device, another hub or an earlier installation.', 'Import the report of this device at its hub and carry the answer back.'),
  // --- hub: registry and training
  version_conflict: row('permanent', 'This version number belongs to another manifest.', 'Prepare the version again and sign what that gives.'),
  alias_reserved: row('permanent', 'The alias cannot be set.', 'Choose a name that starts with a letter and is not "latest".'),
  acceptance_failed: row('integrity', 'The model does not give the answers that its trainer promised.', 'Read the log of the run; nothing was registered.'),
  queue_full: row('transient', 'Too many training runs wait already.', 'Wait until one is done, or cancel one.'),
  run_not_active: row('permanent', 'The run has ended already.', 'Nothing to do.'),
  hub_restarted: row('transient', 'The hub ended while the run was working.', 'Start the run again.'),
  hub_stopping: row('transient', 'The hub is shutting down.', 'Ask again when it is back.'),
  // --- alerts: what happens in the fleet
  incident_unknown: row('permanent', 'There is no such incident.', 'List them with "drover alerts --all".'),
  incident_over: row('permanent', 'The incident is over.', 'Nothing to do; if it comes back it is a new one.'),
  alert_rule_unknown: row('permanent', 'There is no such alert rule to change.', 'List them with "drover alerts rules".'),
  silence_unknown: row('permanent', 'There is no such silence, or it is over.', 'List them with "drover alerts silences".'),
  // --- oms: model signing for outsiders
  oms_malformed: row('integrity', 'The model signature cannot be read as a Sigstore bundle.', 'Fetch it again from where the model comes from.'),
  oms_unsupported: row('permanent', 'The model signature uses a method, curve or hash that is not supported.', 'Sign with an ECDSA key on P-256, P-384 or P-521 and SHA-256 over whole files.'),
  oms_key_mismatch: row('integrity', 'The model signature was made with another key than the one given.', 'Ask the publisher for the public key; do not take it from where the model came from.'),
  oms_statement_invalid: row('integrity', 'The model signature is valid but does not say what a model signature must say.', 'Ask the publisher to sign again.'),
  oms_file_missing: row('integrity', 'A file that was signed is not there.', 'Fetch the model again.'),
  oms_file_changed: row('integrity', 'A file has other bytes than those that were signed.', 'Do not use the model; fetch it again.'),
  oms_file_unsigned: row('integrity', 'There is a file that nobody signed.', 'Remove it, or find out who put it there.'),
  oms_folder_invalid: row('permanent', 'The folder cannot be checked as a model.', 'Give a folder of plain files, without links.'),
  oms_version_mismatch: row('integrity', 'The model signature is not about the files of this version.', 'Sign what "drover model bundle" writes.'),
  oms_too_many: row('permanent', 'Enough keys have signed this version.', 'Nothing to do; every one of them can be fetched.'),
  oms_unknown: row('permanent', 'This version has no such model signature.', 'Add one: register the version again with --oms-key.'),
  // --- audit: the log of changes and its checkpoints
  audit_line_invalid: row('integrity', 'A line of the exported audit log cannot be read, or is not written as the hub writes it.', 'Export the log again and compare.'),
  audit_row_altered: row('integrity', 'A row of the audit log does not have the hash that it states.', 'Somebody changed the row: compare with an earlier export.'),
  audit_chain_broken: row('integrity', 'A row of the audit log does not follow from the one before it.', 'Rows were removed, inserted or moved: compare with an earlier export.'),
  audit_checkpoint_mismatch: row('integrity', 'A signed checkpoint says something else than the audit log.', 'The log was rewritten after the checkpoint: compare with an earlier export.'),
  audit_signature_invalid: row('integrity', 'The signature of a checkpoint does not match, or is by a key that was not given.', 'Give the public key that you noted when the hub was set up, with --key.'),
  audit_truncated: row('integrity', 'The audit log ends before a row that a checkpoint vouches for.', 'Rows were cut off, or the hub was restored from a backup: ask who did it.'),
  audit_uncovered: row('integrity', 'The last rows of the exported audit log are not covered by a checkpoint.', 'Export the log again while the hub runs.'),
  audit_incomplete: row('integrity', 'The exported audit log does not end as the hub ends it.', 'The download broke off or lines were removed: export it again.'),
  audit_merge_conflict: row('integrity', 'Two exports say different things about the same row or come from different hubs.', 'One of them was changed: verify each by itself.'),
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
