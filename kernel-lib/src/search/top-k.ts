/** The k best of a stream of (position, score), best first; of equal scores the earlier pushed stays ahead. */
export class TopK {
  readonly positions: number[] = [];
  readonly scores: number[] = [];

  constructor(private readonly k: number) {}

  push(position: number, score: number): void {
    const { positions, scores, k } = this;
    if (scores.length === k && score <= scores[k - 1]!) return;
    let place = scores.length === k ? k - 1 : scores.length;
    while (place > 0 && score > scores[place - 1]!) {
      scores[place] = scores[place - 1]!;
      positions[place] = positions[place - 1]!;
      place -= 1;
    }
    scores[place] = score;
    positions[place] = position;
  }
}
