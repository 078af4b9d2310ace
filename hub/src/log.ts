// Owns the hub's log: pino on standard error, with everything that could be a secret taken out. Never writes a file.
import { destination, type Logger, pino } from 'pino';

const SECRETS = ['authorization', 'cookie', 'password', 'secret', 'token'];

export const openLog = (level: string): Logger =>
  pino(
    {
      level,
      base: { program: 'hub' },
      redact: {
        paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `req.headers.${name}`]),
        censor: '[redacted]',
      },
    },
    // Synchronous: the last line before an exit is the one that says why.
    destination({ fd: 2, sync: true }),
  );
