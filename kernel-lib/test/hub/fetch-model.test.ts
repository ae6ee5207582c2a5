import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openHub } from "../../src/hub/client";
import { type FetchModelOptions, fetchModel } from "../../src/hub/fetch-model";
import { readCheckpoint, writeCheckpoint } from "../../src/models/weights/model-folder";
import { thisOwner } from "../../src/store/lock";
import { refusal } from "../data/helpers";
import { HUB_MODEL, type HubServer, type Mischief, startHubServer } from "../helpers/hub-server";

const SOURCE = join(__dirname, "../reference/pixtral/tied");
const INDEX = "model.safetensors.index.json";
const TOKEN = "hf_secret";
const files = new Map<string, Buffer>();
let folder = "";
let hub: HubServer;

beforeAll(() => {
  const sharded = mkdtempSync(join(tmpdir(), "hub-model-"));
  cpSync(SOURCE, sharded, { recursive: true });
  writeCheckpoint(sharded, readCheckpoint(SOURCE), { maxShardBytes: 40_000 });
  for (const name of readdirSync(sharded).filter((name) => name !== "lora"))
    files.set(name, readFileSync(join(sharded, name)));
  rmSync(sharded, { recursive: true });
  files.set("pytorch_model.bin", Buffer.from("a pickle"));
  files.set("README.md", Buffer.from("# Some model"));
});
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fetch-model-"));
  hub = await startHubServer(files);
});
afterEach(async () => {
  await hub.close();
  rmSync(folder, { recursive: true });
});
afterAll(() => files.clear());

const place = (): string => join(folder, "some-owner--Some-Model", "main");

function fetchIt(options: FetchModelOptions = {}, name = HUB_MODEL) {
  const asked = { ...openHub({ HF_ENDPOINT: hub.endpoint, HF_TOKEN: TOKEN }), retryMs: 1, retries: 3, idleMs: 5000 };
  return fetchModel(name, { modelsDir: folder, hub: asked, ...options });
}

/** Every file below the models folder but hub.json, by its path there. */
function held(): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).filter((path) => statSync(join(folder, path)).isFile());
}

const shards = (): string[] => [...files.keys()].filter((name) => name.endsWith(".safetensors"));

test("a model in shards arrives whole, loads, and brings neither pickles nor anything else along", async () => {
  const found = await fetchIt();
  expect(found).toEqual({ folder: place(), commit: hub.commit, outcome: "fetched" });
  const needed = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "processor_config.json",
    "preprocessor_config.json",
  ];
  const expected = [...needed, "chat_template.jinja", INDEX, ...shards(), "hub.json"].sort();
  expect(readdirSync(place()).sort()).toEqual(expected);
  for (const name of expected.filter((name) => name !== "hub.json"))
    expect(readFileSync(join(place(), name)).equals(files.get(name)!), name).toBe(true);
  expect(readCheckpoint(place()).weights.size).toBe(readCheckpoint(SOURCE).weights.size);
  expect(readdirSync(join(folder, "some-owner--Some-Model"))).toEqual(["main"]);
});

test("the token goes to the hub and never to the store that large files are redirected to", async () => {
  await fetchIt();
  const [atHub, atStore] = ["hub", "store"].map((server) => hub.seen.filter((seen) => seen.server === server));
  expect(atStore).toHaveLength(shards().length);
  expect(atHub!.every(({ authorization }) => authorization === `Bearer ${TOKEN}`)).toBe(true);
  expect(atStore!.every(({ authorization }) => authorization === null)).toBe(true);
});

test("a model that is there is not fetched again, a branch that moved is", async () => {
  await fetchIt();
  hub.seen.length = 0;
  expect((await fetchIt()).outcome).toBe("present");
  expect(hub.seen.every(({ path }) => path.startsWith("/api/"))).toBe(true);
  hub.commit = "f".repeat(40);
  const changed = Buffer.from(files.get("config.json")!.toString().replace("{", "{ "));
  hub.files.set("config.json", changed);
  expect((await fetchIt()).outcome).toBe("fetched");
  expect(readFileSync(join(place(), "config.json")).equals(changed)).toBe(true);
  expect(readdirSync(join(folder, "some-owner--Some-Model"))).toEqual(["main"]);
  rmSync(join(place(), shards()[0]!));
  expect((await fetchIt()).outcome).toBe("fetched");
});

/** Sends the beginning of one file at its first request and, once it is on the disk, does what `then` says. */
function begin(name: string, count: number, then: (response: Parameters<Mischief>[1]) => void): Mischief {
  let isDone = false;
  return ({ server, path }, response) => {
    if (isDone || server !== "store" || !path.includes(name)) return false;
    isDone = true;
    response.writeHead(200, { etag: `"begin"`, "content-length": files.get(name)!.length });
    response.write(files.get(name)!.subarray(0, count));
    const part = () => held().find((file) => file.endsWith(".part") && file.includes(name));
    const size = () => statSync(join(folder, part() ?? "none"), { throwIfNoEntry: false })?.size;
    const timer = setInterval(() => {
      if (size() !== count) return;
      clearInterval(timer);
      then(response);
    }, 2);
    return true;
  };
}

describe("a connection that breaks half way", () => {
  /** The rest of the file, as a server does that knows the version. */
  const resume: Mischief = ({ path, range }, response) => {
    const name = decodeURIComponent(path.slice(1));
    const start = Number(/\d+/.exec(range ?? "")?.[0]);
    const bytes = files.get(name);
    if (range === null || bytes === undefined) return false;
    response.writeHead(206, { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` });
    response.end(bytes.subarray(start));
    return true;
  };

  test("is taken up where it broke", async () => {
    const first = begin(shards()[1]!, 5000, (response) => response.destroy());
    hub.mischief = (seen, response) => first(seen, response) || resume(seen, response);
    const warnings: string[] = [];
    await fetchIt({ control: { onWarn: (_code, message) => warnings.push(message) } });
    expect(hub.seen.map(({ range }) => range).filter((range) => range !== null)).toContain("bytes=5000-");
    expect(warnings.join()).toMatch(/broke .*going on/);
    expect(readFileSync(join(place(), shards()[1]!)).equals(files.get(shards()[1]!)!)).toBe(true);
  });

  test("is begun anew where the server ignores Range", async () => {
    hub.mischief = begin(shards()[1]!, 5000, (response) => response.destroy());
    await fetchIt(); // another tag: the whole file
    expect(hub.seen.map(({ range }) => range)).toContain("bytes=5000-");
    expect(readFileSync(join(place(), shards()[1]!)).equals(files.get(shards()[1]!)!)).toBe(true);
  });

  test("leaves no model when it breaks for good, and the next call goes on", async () => {
    hub.mischief = begin(shards()[1]!, 5000, (response) => {
      hub.mischief = ({ server }, other) => server === "store" && other.destroy() !== undefined;
      response.destroy();
    });
    const error = await refusal(() => fetchIt());
    expect(error.code).toBe("environment");
    expect(error.message).toMatch(/must arrive whole within 4 attempts/);
    expect(existsSync(place())).toBe(false);
    hub.seen.length = 0;
    hub.mischief = resume;
    expect((await fetchIt()).outcome).toBe("fetched");
    const fromStore = hub.seen.filter(({ server }) => server === "store").map(({ path, range }) => [path, range]);
    expect(fromStore).toEqual(
      shards()
        .slice(1)
        .map((name, i) => [`/${name}`, i === 0 ? "bytes=5000-" : null]),
    );
  });

  test("is an interruption when the caller stops it, with what was held kept", async () => {
    const stop = new AbortController();
    hub.mischief = begin(shards()[0]!, 4000, () => stop.abort());
    const stages: string[] = [];
    const control = { signal: stop.signal, onProgress: ({ stage }: { stage: string }) => void stages.push(stage) };
    const error = await refusal(() => fetchIt({ control }));
    expect(error.code).toBe("interrupted");
    expect(stages).toContain(`${HUB_MODEL} ${shards()[0]}`);
    expect(existsSync(place())).toBe(false);
    expect(held().filter((file) => file.endsWith(".part"))).toHaveLength(1);
    hub.mischief = resume;
    expect((await fetchIt()).outcome).toBe("fetched");
    expect(hub.seen.at(-shards().length)!.range).toBeNull();
    expect(hub.seen.map(({ range }) => range)).toContain("bytes=4000-");
  });
});

describe("refusals, which leave no model behind", () => {
  const refused = async (code: string, wording: RegExp): Promise<void> => {
    const error = await refusal(() => fetchIt());
    expect(error.message).toMatch(wording);
    expect(error.code).toBe(code);
    expect(error.message).not.toContain(TOKEN);
    expect(existsSync(place())).toBe(false);
  };
  const answer =
    (test: RegExp, status: number, headers: Record<string, string> = {}): Mischief =>
    ({ path }, response) => {
      if (!test.test(path)) return false;
      response.writeHead(status, headers).end();
      return true;
    };

  test("wrong bytes of the right size, with both digests; nothing of the file is kept", async () => {
    const name = shards()[0]!;
    const wrong = Buffer.from(files.get(name)!);
    wrong[wrong.length - 1]! ^= 1;
    hub.mischief = ({ server, path }, response) => {
      if (server !== "store" || !path.includes(name)) return false;
      response.end(wrong);
      return true;
    };
    await refused("data", /must have the published sha256 [0-9a-f]{64}; got [0-9a-f]{64}/);
    expect(held().filter((file) => file.includes(name))).toEqual([]);
  });

  test("wrong bytes of a small file, by the digest git names it by", async () => {
    hub.mischief = ({ path }, response) => {
      if (!path.endsWith("/config.json")) return false;
      response.end(Buffer.alloc(files.get("config.json")!.length, " "));
      return true;
    };
    await refused("data", /config\.json must have the published gitBlob [0-9a-f]{40}; got/);
  });

  test("a file of another size", async () => {
    hub.mischief = ({ path }, response) => {
      if (!path.endsWith("/config.json")) return false;
      response.end("{}");
      return true;
    };
    await refused("data", /published size of \d+ bytes; got 2/);
  });

  test("a model that is not there, and a revision that is not", async () => {
    const error = await refusal(() => fetchIt({}, "some-owner/Other-Model"));
    expect(error.message).toMatch(/got status 404\. Check the name at .*\/some-owner\/Other-Model; a private one/);
    hub.mischief = answer(/\/revision\//, 404, { "x-error-code": "RevisionNotFound" });
    await refused("environment", /got status 404\. Choose one of the revisions/);
  });

  test("a gated model, with the way to open it", async () => {
    hub.mischief = answer(/resolve/, 401, { "x-error-code": "GatedRepo" });
    await refused("environment", /got status 401\. Accept the licence at .*HF_TOKEN/);
    hub.mischief = answer(/revision/, 403);
    await refused("environment", /got status 403\. Accept the licence/);
  });

  test.each(["../config.json", "/etc/passwd", "a/../../b", "..\\b", "C:b", "./config.json", ""])(
    "a listing with the path %j",
    async (path) => {
      hub.phantoms.push({ type: "file", path, size: 1, oid: "0".repeat(40) });
      await refused("data", /must list paths inside its folder; got/);
      expect(held()).toEqual([]);
    },
  );

  test.each([
    [{ type: "file", path: "a", size: -1, oid: "0".repeat(40) }, /list the size of a; got -1/],
    [{ type: "file", path: "a", size: 1, oid: "xyz" }, /list the digest of a, 40 hexadecimal digits/],
    [{ type: "file", path: "a", size: 1, oid: "0".repeat(40), lfs: { size: 1 } }, /list the digest of a, 64/],
    [null, /list paths inside/],
  ])("a listing with the entry %j", async (entry, wording) => {
    hub.phantoms.push(entry as object);
    await refused("data", wording);
  });

  test("an index that names a file elsewhere, or a shard that is not listed", async () => {
    const index = JSON.parse(files.get(INDEX)!.toString());
    const first = Object.keys(index.weight_map)[0]!;
    for (const [value, wording] of [
      ["../model.safetensors", /must name a \.safetensors file beside it/],
      ["model-00009-of-00009.safetensors", /must hold model-00009-of-00009\.safetensors, which its index lists/],
    ] as const) {
      const changed = { ...index, weight_map: { ...index.weight_map, [first]: value } };
      hub.files.set(INDEX, Buffer.from(JSON.stringify(changed)));
      hub.commit = `${hub.commit.slice(1)}a`;
      await refused("data", wording);
    }
  });

  test("a model of pickles only, and one without a configuration", async () => {
    for (const name of [INDEX, ...shards()]) hub.files.delete(name);
    await refused("data", /must hold model\.safetensors or .*; got pytorch_model\.bin\. .*safetensors/);
    hub.files.set("model.safetensors", Buffer.from("x"));
    hub.files.delete("config.json");
    await refused("data", /must hold config\.json; there is none/);
  });

  test("answers that are no listing, and a next page elsewhere", async () => {
    const say =
      (test: RegExp, text: string, headers = {}): Mischief =>
      ({ path }, response) =>
        test.test(path) && response.writeHead(200, headers).end(text) !== undefined;
    hub.mischief = say(/revision/, "<html>login</html>");
    await refused("data", /must answer JSON; got "<html>login/);
    hub.mischief = say(/revision/, '{"sha":"main"}');
    await refused("data", /must name a commit; got "main"/);
    hub.mischief = say(/tree/, '{"error":"x"}');
    await refused("data", /must list files; got \{"error"/);
    hub.mischief = say(/tree/, "[]", { link: '<http://127.0.0.1:9/next>; rel="next"' });
    await refused("data", /next page of the same address; got "http:\/\/127\.0\.0\.1:9/);
  });

  test("a redirect away from the web, or without end", async () => {
    hub.mischief = answer(/resolve/, 302, { location: "file:///etc/passwd" });
    await refused("environment", /must redirect to an address of the web/);
    hub.mischief = answer(/resolve/, 302, { location: "config.json" });
    await refused("environment", /redirect at most 10 times/);
  });
});

test("two at once: the second is refused, a process that died is in nobody's way", async () => {
  const both = await Promise.allSettled([fetchIt(), fetchIt()]);
  const refused = both.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  expect(refused).toHaveLength(1);
  expect(refused[0]).toMatchObject({
    code: "state",
    message: expect.stringMatching(
      /^fetchModel: the model some-owner\/Some-Model must be free; process \d+ .* is at work on it/,
    ),
  });
  expect(readdirSync(join(folder, "some-owner--Some-Model"))).toEqual(["main"]);
  rmSync(place(), { recursive: true });
  writeFileSync(`${place()}.lock`, JSON.stringify({ ...thisOwner("t"), pid: 2 ** 22 + 1 }));
  expect((await fetchIt()).outcome).toBe("fetched");
  expect(readdirSync(join(folder, "some-owner--Some-Model"))).toEqual(["main"]);
});

test("what an interrupted fetch of another commit left is removed, another revision's is not", async () => {
  const left = ["main.0123456789ff.part", "main.v2.0123456789ff.part"];
  for (const name of left) mkdirSync(join(folder, "some-owner--Some-Model", name), { recursive: true });
  await fetchIt();
  expect(readdirSync(join(folder, "some-owner--Some-Model"))).toEqual(["main", left[1]]);
});

test("a busy hub is asked again", async () => {
  let count = 0;
  hub.mischief = ({ path }, response) =>
    path.includes("revision") && count++ < 2 && response.writeHead(503).end() !== undefined;
  expect((await fetchIt()).outcome).toBe("fetched");
});

test("a damaged folder is fetched anew", async () => {
  await fetchIt();
  const sound = JSON.parse(readFileSync(join(place(), "hub.json"), "utf8")) as object;
  const damaged = [null, { ...sound, files: 5 }, { ...sound, files: [null] }, { ...sound, files: [{ path: 5 }] }];
  for (const text of ["{", ...damaged.map((each) => JSON.stringify(each))]) {
    writeFileSync(join(place(), "hub.json"), text);
    expect((await fetchIt()).outcome).toBe("fetched");
  }
});
