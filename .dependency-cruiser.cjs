// Decides which room may import which (DESIGN.md, "The house"). Every rule has its reason, and a canary below
// test/house/canary/boundaries that breaks it; `npm run check` fails when a canary is not reported.

/** A rule about source is not a rule about its tests: tests may reach further. */
const TESTS = '\\.test\\.ts$';
const PROGRAMS = '(agent|hub|firmware-bridge)';

/** Room → the rooms it may know. Packages missing here are free (testkit). */
const ROOMS = {
  sketch: [[], 'sketches are mathematics that every other room counts on: they stand alone'],
  core: [['sketch'], 'decisions must run and be tested without any wire, file or model'],
  wire: [['core', 'sketch'], 'what two processes agree on must not depend on how either of them works'],
  trust: [['wire', 'core', 'sketch'], 'what may be trusted is decided from bytes, keys and time alone'],
  onnx: [['core', 'sketch'], 'a model file is read and written without running it'],
  delta: [['onnx', 'core', 'sketch'], 'a patch is made and applied from bytes alone, without a wire or a runtime'],
  infer: [['onnx', 'core', 'sketch'], 'the room that runs models must fit on a device: no trainer, no wire'],
  learn: [['infer', 'onnx', 'core', 'sketch'], 'a trainer turns a dataset into a model file and knows no fleet'],
  sim: [['core', 'sketch'], 'a simulation that knows the real programs could not be their judge'],
  tables: [['core'], 'a table is cells and bytes: whose numbers it holds is not its matter'],
  console: [['core', 'sketch', 'wire'], 'the browser gets no keys, no trainer and no Node'],
};

const roomRules = Object.entries(ROOMS).map(([room, [known, reason]]) => ({
  name: `room-${room}`,
  comment: `${room} may import ${known.join(', ') || 'no other room'}: ${reason}`,
  severity: 'error',
  from: { path: `^packages/${room}/src/`, pathNot: TESTS },
  to: { path: [`^packages/(?!(${[room, ...known].join('|')})/)`, `^${PROGRAMS}/`, '^test/'] },
}));

/** Library → the only folders that know it. */
const onlyKnows = (name, library, folders, comment) => ({
  name,
  comment,
  severity: 'error',
  from: {
    path: ['^packages/(?!testkit/)[^/]+/src/', `^${PROGRAMS}/src/`],
    pathNot: [TESTS, ...folders.map((folder) => `^${folder}`)],
  },
  to: { path: `(^|/)node_modules/${library}/` },
});

module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'programs-apart',
      comment: 'agent, hub and firmware-bridge meet on the wire only: they are installed and updated apart',
      severity: 'error',
      from: { path: `^${PROGRAMS}/`, pathNot: TESTS },
      to: { path: `^${PROGRAMS}/`, pathNot: '^$1/' },
    },
    {
      name: 'cli-imports-no-program',
      comment: 'the CLI speaks HTTP and starts programs as child processes, so that it works against a hub elsewhere',
      severity: 'error',
      from: { path: '^packages/cli/', pathNot: TESTS },
      to: { path: `^${PROGRAMS}/` },
    },
    {
      name: 'nobody-imports-the-top',
      comment: 'cli and console are on top: a program that needs something of theirs needs it in a lower room',
      severity: 'error',
      from: { path: `^${PROGRAMS}/` },
      to: { path: '^packages/(cli|console)/' },
    },
    {
      name: 'testkit-in-tests-only',
      comment: 'a fake that ships is a way in',
      severity: 'error',
      from: { path: ['^packages/(?!testkit/)', `^${PROGRAMS}/`], pathNot: TESTS },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'source-imports-no-test',
      comment: 'what a test defines is gone when the test is; shared test parts live in testkit',
      severity: 'error',
      from: { path: ['^packages/', `^${PROGRAMS}/`] },
      to: { path: [TESTS, '^test/'] },
    },
    {
      name: 'pure-rooms-without-node',
      comment: 'time, randomness and bytes from outside come in as arguments, or a replay decides differently',
      severity: 'error',
      from: { path: '^packages/(core|sketch|sim)/src/', pathNot: TESTS },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'main-is-the-root',
      comment: 'the composition root knows everybody; whoever imports it imports the whole process',
      severity: 'error',
      from: { path: ['^packages/', `^${PROGRAMS}/`], pathNot: TESTS },
      to: { path: `^${PROGRAMS}/src/main\\.ts$` },
    },
    {
      name: 'hub-http-and-mqtt-apart',
      comment: 'two doors of the same house: what both need is a subject room',
      severity: 'error',
      from: { path: '^hub/src/(http|mqtt)/', pathNot: TESTS },
      to: { path: '^hub/src/(http|mqtt)/', pathNot: '^hub/src/$1/' },
    },
    {
      name: 'hub-subjects-below-doors',
      comment: 'rollouts, registry, training and their like must work whichever door was used',
      severity: 'error',
      from: { path: '^hub/src/(?!(http|mqtt)/)[^/]+/', pathNot: TESTS },
      to: { path: '^hub/src/(http|mqtt)/' },
    },
    {
      name: 'hub-db-lowest',
      comment: 'the database layer stores what others decide',
      severity: 'error',
      from: { path: '^hub/src/db/', pathNot: TESTS },
      to: { path: '^hub/src/(?!db/)' },
    },
    onlyKnows('fastify-in-http', '(fastify|@fastify)', ['hub/src/http/'], 'only hub/src/http knows fastify'),
    onlyKnows(
      'aedes-in-broker',
      'aedes',
      ['hub/src/mqtt/broker\\.ts$'],
      'the broker must stay replaceable by an external one',
    ),
    onlyKnows('kysely-in-db', 'kysely', ['hub/src/db/'], 'only hub/src/db knows SQL'),
    onlyKnows(
      'sqlite-in-stores',
      'better-sqlite3',
      ['hub/src/db/', 'agent/src/store/'],
      'SQL lives in hub/src/db and agent/src/store',
    ),
    onlyKnows(
      'onnxruntime-in-infer',
      'onnxruntime-[^/]+',
      ['packages/infer/src/', 'packages/console/src/'],
      'one place knows how ONNX Runtime blocks, aborts and leaks (the console loads its own in the page)',
    ),
    onlyKnows(
      'mqtt-in-link',
      '(mqtt|mqtt-packet)',
      ['agent/src/link/', 'hub/src/mqtt/'],
      'reconnecting and acknowledging are decided once',
    ),
    onlyKnows(
      'parquet-in-tables',
      'hyparquet-writer',
      ['packages/tables/src/'],
      'one place knows how Parquet is written',
    ),
    {
      name: 'no-cycles',
      comment: 'two files that need each other are one file, or miss a third',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'not-unresolvable',
      comment: 'an import that the cruiser cannot follow is a boundary that it does not check',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Said outright: dependency-cruiser 17 chose one that read nothing beside TypeScript 7, and reported no violation.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: '(^|/)node_modules/' },
    exclude: { path: '^(test/house/canary|coverage|dist)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.d.ts', '.json'],
    },
  },
};
