/**
 * Words that name classes in reading exercises. They are words to read and copy, tied to no picture property: the label words
 * of the tasks stand among plain nouns so that a reader has met them as words, never with a medical picture.
 */
export const CLASS_WORDS: readonly string[] = [
  "malignant",
  "benign",
  "normal",
  "harmless",
  "river",
  "lamp",
  "stone",
  "garden",
  "engine",
  "paper",
  "winter",
  "summer",
  "copper",
  "silver",
  "window",
  "bridge",
  "forest",
  "island",
  "market",
  "castle",
  "violin",
  "basket",
  "anchor",
  "candle",
];
