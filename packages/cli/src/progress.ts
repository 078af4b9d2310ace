// Owns lines that change while something runs: redrawn in place on a terminal, else one plain line per change or pause.
import type { Shell } from './shell.ts';
import { cutTo, toPrintable } from './table.ts';

export interface Progress {
  /** One line on stderr; the same text twice is shown once. */
  show(line: string): void;
  /** Leaves the last line standing. */
  end(): void;
}

export function openProgress(shell: Shell, quiet: boolean): Progress {
  let last = '';
  let drawn = false;
  return {
    show(line) {
      const text = toPrintable(line);
      if (quiet || text === last) return;
      last = text;
      if (shell.isTerminal) {
        shell.err(`\r\u001b[2K${cutTo(text, Math.max(20, shell.width - 1))}`);
        drawn = true;
      } else shell.err(`${text}\n`);
    },
    end() {
      if (drawn) shell.err('\n');
      drawn = false;
    },
  };
}

export interface LiveBlock {
  /** Replaces the block on a terminal; elsewhere prints `plain` as a line, at most every `plainEveryMs`. */
  show(block: string, plain: string): void;
  /** Leaves the last block standing; what follows is printed below. */
  end(): void;
}

/** A block of lines redrawn in place. `width` 0 means unknown. */
export function openLiveBlock(shell: Shell, plainEveryMs: number): LiveBlock {
  let lines = 0;
  let lastPlainAt = Number.NEGATIVE_INFINITY;
  return {
    show(block, plain) {
      if (!shell.isTerminal) {
        if (shell.now() - lastPlainAt < plainEveryMs) return;
        lastPlainAt = shell.now();
        shell.out(`${plain}\n`);
        return;
      }
      const width = Math.max(20, shell.width - 1);
      const next = block
        .replace(/\n$/, '')
        .split('\n')
        .map((line) => cutTo(line, width));
      const up = lines > 0 ? `\u001b[${lines}A` : '';
      // Erase to the end of the screen first: the new block may be shorter.
      shell.out(`${up}\r\u001b[0J${next.join('\n')}\n`);
      lines = next.length;
    },
    end() {
      lines = 0;
    },
  };
}
