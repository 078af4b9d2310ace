// Keeps the few items of the lowest rank out of many. Pure; with ranks drawn at random it is a uniform sample (a reservoir).

export class Best<T> {
  private readonly ranks: Float64Array;
  private items: (T | undefined)[];
  private worst = 0;

  constructor(most: number) {
    this.ranks = new Float64Array(most).fill(Number.POSITIVE_INFINITY);
    this.items = Array.from({ length: most }, () => undefined);
  }

  /** Whether an item of this rank would be kept now; asked before the item is made. */
  wants(rank: number): boolean {
    return rank < (this.ranks[this.worst] as number);
  }

  /** Takes the place of the worst. */
  put(rank: number, item: T): void {
    this.ranks[this.worst] = rank;
    this.items[this.worst] = item;
    for (let i = 0; i < this.ranks.length; i++)
      if ((this.ranks[i] as number) > (this.ranks[this.worst] as number)) this.worst = i;
  }

  /** Lowest rank first; empty afterwards. */
  drain(): T[] {
    const order = [...this.ranks.keys()].sort((a, b) => (this.ranks[a] as number) - (this.ranks[b] as number));
    const found = order.flatMap((i) => this.items[i] ?? []);
    this.ranks.fill(Number.POSITIVE_INFINITY);
    this.items = this.items.map(() => undefined);
    return found;
  }
}
