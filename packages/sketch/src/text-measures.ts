// Decides what is counted of one text: its length, its script and how many of its words training has met. Never keeps the text.

/** Writing systems that are told apart; a text is of the one that most of its letters are of, or else of what it has. */
export const SCRIPTS = [
  'latin', 'greek', 'cyrillic', 'hebrew', 'arabic', 'indic', 'thai', 'hangul', 'kana', 'han', 'letters', 'digits', 'symbols',
] as const; // biome-ignore format: one table
export type Script = (typeof SCRIPTS)[number];

/** Code units of a text that are looked at; its length is told whole. */
export const TEXT_READ = 4096;
/** Words of training that a baseline carries as hashes. */
export const MAX_VOCABULARY = 2048;

const LETTERS = SCRIPTS.indexOf('letters');
const DIGITS = SCRIPTS.indexOf('digits');
const SYMBOLS = SCRIPTS.indexOf('symbols');

/** First code point of a block, and its script: letters of others are `letters`. Ascending. */
const BLOCKS: readonly (readonly [number, Script])[] = [
  [0x0000, 'latin'], [0x0250, 'letters'], [0x0370, 'greek'], [0x0400, 'cyrillic'], [0x0530, 'letters'], [0x0590, 'hebrew'],
  [0x0600, 'arabic'], [0x0700, 'letters'], [0x0750, 'arabic'], [0x0780, 'letters'], [0x08a0, 'arabic'], [0x0900, 'indic'],
  [0x0e00, 'thai'], [0x0e80, 'letters'], [0x1100, 'hangul'], [0x1200, 'letters'], [0x1c80, 'cyrillic'], [0x1c90, 'letters'],
  [0x1e00, 'latin'], [0x1f00, 'greek'], [0x2000, 'letters'], [0x2c60, 'latin'], [0x2c80, 'letters'], [0x3005, 'han'],
  [0x3008, 'letters'], [0x3040, 'kana'], [0x3100, 'letters'], [0x3130, 'hangul'], [0x3190, 'letters'], [0x31f0, 'kana'],
  [0x3200, 'letters'], [0x3400, 'han'], [0xa000, 'letters'], [0xac00, 'hangul'], [0xd7b0, 'letters'], [0xf900, 'han'],
  [0xfb00, 'latin'], [0xfb13, 'letters'], [0xfb1d, 'hebrew'], [0xfb50, 'arabic'], [0xfe00, 'letters'], [0xfe70, 'arabic'],
  [0xff00, 'latin'], [0xff66, 'kana'], [0xffa0, 'hangul'], [0xffe0, 'letters'], [0x20000, 'han'], [0x323b0, 'letters'],
]; // biome-ignore format: one table
const STARTS = Uint32Array.from(BLOCKS, ([start]) => start);
const BLOCK_SCRIPTS = Uint8Array.from(BLOCKS, ([, script]) => SCRIPTS.indexOf(script));

function scriptOf(point: number): number {
  let low = 0;
  let high = STARTS.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((STARTS[middle] as number) <= point) low = middle;
    else high = middle;
  }
  return BLOCK_SCRIPTS[low] as number;
}

const LETTER = /^\p{L}$/u;
const DIGIT = /^\p{Nd}$/u;
const MARK = /^\p{M}$/u;

const [NOTHING, IS_DIGIT, IS_MARK, IS_LETTER] = [0, 1, 2, 3] as const;

/** Of the code points that texts nearly only have, made once: 64 KiB. */
const CLASSES = new Uint8Array(0x10000).fill(0xff);

function classOf(point: number): number {
  const known = point < CLASSES.length ? (CLASSES[point] as number) : 0xff;
  if (known !== 0xff) return known;
  const text = String.fromCodePoint(point);
  const found = LETTER.test(text) ? IS_LETTER : DIGIT.test(text) ? IS_DIGIT : MARK.test(text) ? IS_MARK : NOTHING;
  if (point < CLASSES.length) CLASSES[point] = found;
  return found;
}

const FNV_START = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a over the code points of a word, 32 bits. */
export function hashWord(word: string): number {
  let hash = FNV_START;
  for (const letter of word) hash = Math.imul(hash ^ (letter.codePointAt(0) as number), FNV_PRIME);
  return hash >>> 0;
}

/** Small letters without a locale: what a word is must not depend on the machine. */
const lowerOf = (point: number): number =>
  point < 0x80 ? (point >= 0x41 && point <= 0x5a ? point + 32 : point) : (LOWER.get(point) ?? learnLower(point));
const LOWER = new Map<number, number>();
function learnLower(point: number): number {
  const lower = String.fromCodePoint(point).toLowerCase();
  const first = lower.codePointAt(0) ?? point;
  // One letter that becomes two stays what it is, as does everything once the table is large.
  const taken = lower.length === (first > 0xffff ? 2 : 1) ? first : point;
  if (LOWER.size < 4096) LOWER.set(point, taken);
  return taken;
}

/**
 * Reads texts one after another; the fields say what the last one was. A word is a run of letters, marks and digits, without case;
 * in scripts without spaces between words (Han, kana, Thai) each character is one.
 */
export class TextMeasures {
  /** Characters (Unicode code points), the whole text. */
  length = 0;
  words = 0;
  /** Place in SCRIPTS. */
  script = 0;
  /** Words that are not in the vocabulary. */
  unknown = 0;
  private readonly counts = new Uint32Array(SCRIPTS.length);
  private readonly vocabulary: ReadonlySet<number>;

  /** @param vocabulary hashes of words, see hashWord. */
  constructor(vocabulary: Iterable<number>) {
    this.vocabulary = new Set(vocabulary);
  }

  /** Share of words that training has not met; NaN for a text without words. */
  get unknownShare(): number {
    return this.words === 0 ? Number.NaN : this.unknown / this.words;
  }

  /** @param onWord gets the hash of each word; without it known words are counted. */
  read(text: string, onWord?: (hash: number) => void): void {
    this.counts.fill(0);
    this.length = 0;
    this.words = 0;
    this.unknown = 0;
    let hash = FNV_START;
    let isInWord = false;
    const end = Math.min(text.length, TEXT_READ);
    for (let at = 0; at < end; ) {
      const point = text.codePointAt(at) as number;
      at += point > 0xffff ? 2 : 1;
      this.length++;
      const kind = classOf(point);
      const script = kind === IS_LETTER ? scriptOf(point) : kind === IS_DIGIT ? DIGITS : SYMBOLS;
      if (kind !== IS_MARK && !isSpace(point)) this.counts[script] = (this.counts[script] as number) + 1;
      const isAlone = kind === IS_LETTER && stands(script);
      if (isInWord && (kind === NOTHING || isAlone)) {
        this.take(hash >>> 0, onWord);
        isInWord = false;
      }
      if (kind === NOTHING || (kind === IS_MARK && !isInWord)) continue;
      if (!isInWord) hash = FNV_START;
      hash = Math.imul(hash ^ lowerOf(point), FNV_PRIME);
      isInWord = !isAlone;
      if (isAlone) this.take(hash >>> 0, onWord);
    }
    if (isInWord) this.take(hash >>> 0, onWord);
    for (let at = end; at < text.length; at++) if (!isLowSurrogate(text.charCodeAt(at))) this.length++;
    this.script = this.findScript();
  }

  private take(hash: number, onWord: ((hash: number) => void) | undefined): void {
    this.words++;
    if (onWord) onWord(hash);
    else if (!this.vocabulary.has(hash)) this.unknown++;
  }

  /** Letters tell before digits, digits before symbols. */
  private findScript(): number {
    let best = 0;
    for (let i = 1; i <= LETTERS; i++) if ((this.counts[i] as number) > (this.counts[best] as number)) best = i;
    if ((this.counts[best] as number) > 0) return best;
    return (this.counts[DIGITS] as number) > 0 ? DIGITS : SYMBOLS;
  }
}

const isSpace = (point: number): boolean => point === 0x20 || (point >= 9 && point <= 13) || point === 0xa0;
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;
const ALONE = (['han', 'kana', 'thai'] as const).map((script) => SCRIPTS.indexOf(script));
const stands = (script: number): boolean => script === ALONE[0] || script === ALONE[1] || script === ALONE[2];
