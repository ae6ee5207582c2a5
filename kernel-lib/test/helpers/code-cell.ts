/** A code cell of a notebook that was never run; `i` makes its id. */
export const codeCell = (source: string, i: number) => ({
  cell_type: "code",
  id: `c${i}`,
  metadata: {},
  outputs: [],
  execution_count: null,
  source,
});
