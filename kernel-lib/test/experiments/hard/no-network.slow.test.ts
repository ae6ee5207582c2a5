import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRandom } from "../../../src/base/random";
import { formatCsv } from "../../../src/data/formats/csv";
import { BRSET_COLUMNS } from "../../../src/data/tasks/brset";
import { VINDR_COLUMNS } from "../../../src/data/tasks/vindr-pcxr";
import { formatDicom } from "../../../src/phantoms/tasks/vindr";
import { makeTinyModels } from "../grid/tiny-world";
import { buildChild } from "./build-child";

/*
 * Credentialed pictures stay on this machine: a run on folders shaped like MIMIC-CXR, BRSET and VinDr-PCXR is done in a network namespace
 * that has no route, not even to itself, while strace writes down every call that could open a connection.
 */

/** Network calls that reach for another machine than this one. Local sockets (AF_UNIX, AF_NETLINK) and loopback are not such. */
const ALLOWED = /sin6?_addr=(inet_addr\("127\.\d+\.\d+\.\d+"\)|inet_pton\(AF_INET6, "::1")|inet_pton\(AF_INET6, "::1"/;
const reaching = (log: string): string[] =>
  log.split("\n").filter((line) => /AF_INET6?, sin6?_port/.test(line) && !ALLOWED.test(line));

/** Why it cannot be tried here, or null. */
function missing(): string | null {
  const tools = { unshare: ["-rn", "true"], strace: ["-V"] };
  const lacking = Object.entries(tools).find(([tool, options]) => spawnSync(tool, options).status !== 0);
  return lacking === undefined ? null : `${lacking[0]} is not permitted or not installed`;
}

const reason = missing();
let folder = "";
let program: { readonly file: string; dispose(): void };
beforeAll(async () => {
  if (reason !== null) return;
  folder = mkdtempSync(join(tmpdir(), "credentialed-"));
  await makeTinyModels(join(folder, "models"));
  await writeData(join(folder, "data"));
  program = await buildChild(join(__dirname, "credentialed-child.ts"));
});
afterAll(() => {
  if (reason !== null) return;
  program.dispose();
  rmSync(folder, { recursive: true });
});

const random = createRandom("credentialed");
const noise = (side: number): Promise<Buffer> => {
  const data = Uint8Array.from({ length: side * side * 3 }, () => random.integer(256));
  return sharp(data, { raw: { width: side, height: side, channels: 3 } })
    .jpeg()
    .toBuffer();
};
function write(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
const flags = (columns: readonly string[], ...labels: number[]) =>
  columns.map((_, i) => (labels.includes(i) ? "1" : "0"));

async function writeData(dataDir: string): Promise<void> {
  const brset = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      write(join(dataDir, "brset", "fundus_photos", `img${i}.jpg`), await noise(40));
      return [`img${i}`, 100 + Math.floor(i / 2), ...flags(BRSET_COLUMNS, i % 13)];
    }),
  );
  write(join(dataDir, "brset", "labels_brset.csv"), formatCsv(["image_id", "patient_id", ...BRSET_COLUMNS], brset));
  const columns = ["image_id", "rad_ID", ...VINDR_COLUMNS];
  for (const [split, count] of [
    ["train", 12],
    ["test", 4],
  ] as const) {
    const ids = Array.from({ length: count }, (_, i) => `${split}${i}`);
    for (const id of ids) {
      const values = Uint16Array.from({ length: 40 * 30 }, () => random.integer(4096));
      const window = { center: 2048, width: 4096 };
      const picture = {
        width: 40,
        height: 30,
        values,
        bitsStored: 12,
        photometric: "MONOCHROME2",
        window,
        id,
      } as const;
      write(join(dataDir, "vindr_pcxr", split, `${id}.dicom`), formatDicom(picture));
    }
    const rows = ids.map((id, i) => [id, "R1", ...flags(VINDR_COLUMNS, i % 15)]);
    write(join(dataDir, "vindr_pcxr", `image_labels_${split}.csv`), formatCsv(columns, rows));
  }
  for (let i = 0; i < 40; i++) {
    const study = `mimic-cxr/files/p10/p100000${10 + i}/s500000${10 + i}`;
    write(join(dataDir, `${study}.txt`), ` FINDINGS: The heart is large, case ${i}.\n IMPRESSION: As above.\n`);
    write(join(dataDir, study, "x.jpg"), await noise(40));
  }
}

/** Runs a program without a route, under strace. @returns what it said, and the calls that reached for another machine. */
function isolated(argv: readonly string[]): {
  readonly status: number | null;
  readonly output: string;
  readonly reached: string[];
} {
  const log = join(folder, "network.log");
  const traced = ["-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", log, process.execPath, ...argv];
  const env = { ...process.env, CREDENTIALED_CHILD: "1", TF_CPP_MIN_LOG_LEVEL: "3" };
  const { status, stdout, stderr } = spawnSync("unshare", ["-rn", "strace", ...traced], { env, encoding: "utf8" });
  return { status, output: `${stdout}\n${stderr}`, reached: reaching(readFileSync(log, "utf8")) };
}

test.skipIf(reason !== null)(
  `what reaches for another machine is seen${reason === null ? "" : ` (skipped: ${reason})`}`,
  () => {
    const call = 'require("net").connect(443, "192.0.2.7").on("error", () => process.exit(3))';
    const { status, reached } = isolated(["-e", call]);
    expect(status).toBe(3); // there is no route
    expect(reached.join("\n")).toMatch(/192\.0\.2\.7/);
    const local = 'require("net").connect(9, "127.0.0.1").on("error", () => process.exit(3))';
    expect(isolated(["-e", local]).reached).toEqual([]);
  },
);

test.skipIf(reason !== null)(
  `a run on MIMIC-CXR, BRSET and VinDr-PCXR opens no connection, and needs none${reason === null ? "" : ` (skipped: ${reason})`}`,
  () => {
    const { status, output, reached } = isolated([program.file, folder]);
    expect(output).not.toMatch(/crashed/);
    expect(status).toBe(0);
    expect(reached).toEqual([]);
    expect(existsSync(join(folder, "done"))).toBe(true);
    expect(readFileSync(join(folder, "done"), "utf8")).toMatch(/predictions/);
  },
);
