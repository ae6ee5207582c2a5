/**
 * A closed question with its numbered classes; the reader answers with the number.
 *
 * @example classQuestion("is this lamp on or off ?", ["on", "off"])   // "is this lamp on or off ? 0 : on 1 : off"
 */
export function classQuestion(opening: string, classNames: readonly string[]): string {
  return [opening, ...classNames.map((name, index) => `${index} : ${name}`)].join(" ");
}
