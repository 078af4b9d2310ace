// Decides whether a password may be chosen (NIST SP 800-63B §3.1.1.2: long, no composition rules, not a common one).
// Never sees a stored one.
import { accept, type Result, refuse } from './reasons.ts';

/** Characters, as Unicode code points. The upper bound keeps hashing cheap; nobody types more. */
export const PASSWORD_MIN = 12;
export const PASSWORD_MAX = 256;

/** Words that the commonest passwords of twelve characters and more are built from, lower case. */
const COMMON = [
  'password',
  'passwort',
  'motdepasse',
  'contrasena',
  'welcome',
  'willkommen',
  'letmein',
  'changeme',
  'changeit',
  'iloveyou',
  'princess',
  'sunshine',
  'football',
  'baseball',
  'superman',
  'trustno',
  'administrator',
  'admin',
  'secret',
  'dragon',
  'monkey',
  'shadow',
  'master',
  'default',
  'drover',
  'qwerty',
  'azerty',
  'qwertz',
];

/** Runs of a keyboard and of an alphabet, and their reverse; a password that is only a walk along one is common. */
const ROWS = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
  'azertyuiopqsdfghjklmwxcvbn',
];

/** The same text however it was typed: a password must not depend on how a keyboard composes an accent. */
export const normalisePassword = (password: string): string => password.normalize('NFKC');

/** Four neighbours on a row are a walk: "1234" is one, "12" is not. */
const WALK = 4;
const WALKS: ReadonlySet<string> = new Set(
  ROWS.flatMap((row) => [row, row.split('').toReversed().join('')]).flatMap((line) =>
    Array.from({ length: line.length - WALK + 1 }, (_, at) => line.slice(at, at + WALK)),
  ),
);

/** How many different characters are left when common words and walks are taken away: what is the password's own. */
function countOwn(lower: string): number {
  let rest = lower;
  for (const word of COMMON) rest = rest.replaceAll(word, '');
  const own = new Set<string>();
  let walkedTo = 0;
  for (let at = 0; at < rest.length; at++) {
    if (WALKS.has(rest.slice(at, at + WALK))) walkedTo = at + WALK;
    if (at >= walkedTo) own.add(rest.charAt(at));
  }
  return own.size;
}

/** Refused with `password_weak` and the reason; the password itself never stands in the detail. */
export function checkPassword(password: string, name: string): Result<string> {
  const text = normalisePassword(password);
  const { length } = Array.from(text);
  if (length < PASSWORD_MIN)
    return refuse('password_weak', `It has ${length} characters; at least ${PASSWORD_MIN} are needed.`);
  if (length > PASSWORD_MAX) return refuse('password_weak', `It has more than ${PASSWORD_MAX} characters.`);
  const lower = text.toLowerCase();
  if (name.length >= 3 && lower.replaceAll(name.toLowerCase(), '').length < PASSWORD_MIN - 4) {
    return refuse('password_weak', 'It is little more than the name.');
  }
  if (new Set(lower).size < 5) return refuse('password_weak', 'It repeats a few characters.');
  if (countOwn(lower) < 4) return refuse('password_weak', 'It is one of the commonest, or a walk along the keyboard.');
  return accept(text);
}
