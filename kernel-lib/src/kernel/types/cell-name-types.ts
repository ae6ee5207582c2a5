/** How TypeScript sees these names. */
export const CELL_NAME_TYPES = `
interface DisplayHandle {
  readonly id: string;
  /** Shows another value in this place. */
  update(value: unknown): void;
}
/** Shows a value below the cell in the richest format it has; \`update\` replaces what an earlier call showed. */
declare function display(value: unknown, options?: { id?: string; update?: DisplayHandle | string }): DisplayHandle;
/** Clears the output of the cell; with \`wait\` when the next output arrives. */
declare function clearOutput(options?: { wait?: boolean }): void;
/** Asks for a line of text. */
declare function prompt(message?: string, initial?: string | null): string | null;
`;
