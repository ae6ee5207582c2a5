import { basename } from "node:path";
import { readTar, type TarMember } from "../formats/tar";
import type { BrokenRow, CorpusRow } from "./definition";
import { type ByteProgress, countBytes } from "./folders";

const PICTURE = /^(jpe?g|png|webp|gif|tiff?)$/i;
const TEXT = /^(txt|caption|text)$/i;

/** The article a picture comes from, where its name begins with a PMC number. */
export function articleOf(name: string): { group?: string } {
  const found = /^PMC\d+/.exec(basename(name));
  return found === null ? {} : { group: found[0] };
}

/** The parts of one pair: files with the same name up to the first dot stand side by side. */
interface Sample {
  readonly key: string;
  readonly parts: Map<string, Uint8Array>;
}

function splitName(name: string): { key: string; part: string } {
  const start = name.lastIndexOf("/") + 1;
  const dot = name.indexOf(".", start);
  return dot < 0 ? { key: name, part: "" } : { key: name.slice(0, dot), part: name.slice(dot + 1) };
}

async function* samplesOf(members: AsyncIterable<TarMember>, onMember: (member: TarMember) => void) {
  let sample: Sample | null = null;
  for await (const member of members) {
    onMember(member);
    const { key, part } = splitName(member.name);
    if (sample !== null && sample.key !== key) {
      yield sample;
      sample = null;
    }
    sample ??= { key, parts: new Map() };
    sample.parts.set(part, member.content);
  }
  if (sample !== null) yield sample;
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/** The caption: a text part, or the field `caption` or `text` of a JSON part. */
function captionOf({ parts }: Sample): string {
  for (const [part, content] of parts) if (TEXT.test(part)) return decodeText(content).trim();
  const json = parts.get("json");
  if (json === undefined) throw new Error("no text part (.txt, .caption, .json)");
  const { caption, text } = (JSON.parse(decodeText(json)) ?? {}) as Record<string, unknown>;
  const found = caption ?? text;
  if (typeof found !== "string") throw new Error("caption of the .json part must be a string");
  return found;
}

/**
 * The pairs of webdataset archives: for each key a picture (.jpg, .png …) and a text (.txt, .caption, or a .json with `caption`).
 */
export async function* readWebdatasetRows(
  archives: readonly string[],
  licence: string,
  progress: ByteProgress,
): AsyncGenerator<CorpusRow | BrokenRow> {
  let before = 0;
  for (const archive of archives) {
    const onMember = ({ bytesRead }: TarMember): void => {
      progress.done = before + bytesRead;
    };
    for await (const sample of samplesOf(readTar(archive), onMember)) {
      const place = `${basename(archive)}, ${sample.key}`;
      const picture = [...sample.parts].find(([part]) => PICTURE.test(part))?.[1];
      if (picture === undefined) {
        yield { place, reason: "no picture part (.jpg, .png …)" };
        continue;
      }
      try {
        yield { place, id: sample.key, text: captionOf(sample), licence, picture, ...articleOf(sample.key) };
      } catch (error) {
        yield { place, reason: (error as Error).message };
      }
    }
    before += await countBytes([archive]);
  }
}
