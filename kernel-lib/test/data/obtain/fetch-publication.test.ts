import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeZip } from "../../../src/data/formats/zip";
import { FETCHED_DATA_FILE, fetchPublication } from "../../../src/data/obtain/fetch-publication";
import type { Publication } from "../../../src/hub/publishers";
import { HUB_MODEL, type HubServer, sendFile, startHubServer } from "../../helpers/hub-server";
import { refusal } from "../helpers";

const bytes = (count: number, step: number) =>
  Buffer.from(Uint8Array.from({ length: count }, (_, i) => (i * step) % 251));
const PICTURES = new Map([
  ["wrap/one.jpg", bytes(9000, 7)],
  ["wrap/deep/two.jpg", bytes(7000, 11)],
]);
const ARCHIVE = Buffer.from(writeZip(PICTURES, "deflated"));
const FILES = new Map([
  ["train.json", Buffer.from("[1]")],
  ["README.md", Buffer.from("not wanted")],
  ["imgs.zip", ARCHIVE],
]);
const PUBLICATION: Publication = {
  from: "hugging-face",
  id: HUB_MODEL,
  wanted: [/^train\.json$/, /^imgs\.zip$/],
  folder: "slake",
  unpack: { "imgs.zip": "imgs" },
};

let dataDir = "";
let hub: HubServer;
let site: Server | null = null;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "publication-"));
  hub = await startHubServer(FILES);
});
afterEach(async () => {
  await hub.close();
  site?.closeAllConnections();
  site?.close();
  site = null;
  rmSync(dataDir, { recursive: true });
});

const fetchFromHub = (publication = PUBLICATION) =>
  fetchPublication(publication, {
    dataDir,
    hub: { endpoint: hub.endpoint, token: null, retries: 2, retryMs: 1, idleMs: 400 },
  });
const read = (path: string) => readFileSync(join(dataDir, "slake", path));

/** What must stand in the folder after a sound fetch, whatever happened on the way. */
function expectWhole(): void {
  expect(readdirSync(join(dataDir, "slake")).sort()).toEqual([FETCHED_DATA_FILE, "imgs", "train.json"]);
  expect(readdirSync(dataDir)).toEqual(["slake"]);
  expect(read("train.json").toString()).toBe("[1]");
  expect(read("imgs/one.jpg").equals(PICTURES.get("wrap/one.jpg")!)).toBe(true);
  expect(read("imgs/deep/two.jpg").equals(PICTURES.get("wrap/deep/two.jpg")!)).toBe(true);
}

test("a data set of the hub: wanted files only, archives unpacked without the folder that wraps them, once", async () => {
  expect(await fetchFromHub()).toMatchObject({ outcome: "fetched", numFiles: 2, bytes: 3 + ARCHIVE.length });
  expectWhole();
  expect(JSON.parse(read(FETCHED_DATA_FILE).toString())).toMatchObject({ from: "hugging-face", version: hub.commit });
  const before = hub.seen.length;
  expect((await fetchFromHub()).outcome).toBe("present");
  expect(hub.seen.slice(before).every(({ path }) => path.startsWith("/api/datasets/"))).toBe(true);
});

test("what changed at the publisher is fetched again, what did not is not", async () => {
  await fetchFromHub();
  hub.files.set("imgs.zip", Buffer.from(writeZip(new Map([["three.jpg", bytes(10, 3)]]), "stored")));
  const before = hub.seen.length;
  expect((await fetchFromHub()).outcome).toBe("fetched");
  expect(readdirSync(join(dataDir, "slake/imgs"))).toEqual(["three.jpg"]);
  expect(hub.seen.slice(before).filter(({ path }) => path.includes("/resolve/"))).toHaveLength(1);
});

test("a connection that breaks, a server that is silent or busy, and one that sends elsewhere", async () => {
  let turn = 0;
  hub.mischief = ({ path }, response) => {
    if (!path.includes("/resolve/") || !path.endsWith("imgs.zip")) return false;
    turn++;
    if (turn === 1) {
      response.writeHead(200, { etag: '"x"', "content-length": ARCHIVE.length });
      response.write(ARCHIVE.subarray(0, 1000), () => response.destroy());
    } else if (turn === 2)
      response.writeHead(200, { etag: '"x"', "content-length": ARCHIVE.length }).write("P"); // silent
    else if (turn === 3)
      response
        .writeHead(302, { location: `${hub.endpoint}/datasets/${HUB_MODEL}/resolve/${hub.commit}/imgs.zip?at=2` })
        .end();
    else return false;
    return true;
  };
  expect((await fetchFromHub()).outcome).toBe("fetched");
  expectWhole();
});

test("wrong bytes are refused and not kept; the next call goes on", async () => {
  hub.mischief = ({ path }, response) => {
    if (!path.endsWith("imgs.zip")) return false;
    response.end(bytes(ARCHIVE.length, 5));
    return true;
  };
  const { message, code } = await refusal(fetchFromHub);
  expect(code).toBe("data");
  expect(message).toMatch(/imgs\.zip must have the published gitBlob [0-9a-f]{40}; got/);
  expect(existsSync(join(dataDir, "slake/imgs"))).toBe(false);
  hub.mischief = () => false;
  expect((await fetchFromHub()).outcome).toBe("fetched");
  expectWhole();
});

test("an unpacking that was interrupted goes on", async () => {
  mkdirSync(join(dataDir, "slake/imgs.unpacking/wrap"), { recursive: true });
  writeFileSync(join(dataDir, "slake/imgs.unpacking/wrap/one.jpg"), PICTURES.get("wrap/one.jpg")!);
  expect((await fetchFromHub()).outcome).toBe("fetched");
  expectWhole();
});

test("a publication without a wanted file says which names it holds", async () => {
  const { message, code } = await refusal(() => fetchFromHub({ ...PUBLICATION, wanted: [/^test\.json$/] }));
  expect(code).toBe("data");
  expect(message).toMatch(
    /must hold a file \/\^test\\\.json\$\/; got train\.json, README\.md, imgs\.zip\. .*look at https:/,
  );
});

/** Serves JSON by path, and files. */
async function startSite(answer: (path: string, origin: string, response: ServerResponse) => unknown): Promise<string> {
  let origin = "";
  site = createServer((request, response) => {
    const found = answer(request.url!, origin, response);
    if (response.writableEnded || response.headersSent) return;
    if (Buffer.isBuffer(found)) sendFile(request, response, found);
    else if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(found));
  });
  await new Promise<void>((done) => site!.listen(0, "127.0.0.1", done));
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  return origin;
}

const digest = (kind: string, content: Buffer) => createHash(kind).update(content).digest("hex");

test("a record of Zenodo: sizes and md5 as it states them", async () => {
  const captions = Buffer.from("ID,Caption\na,b\n");
  const files = new Map([
    ["train_captions.csv", captions],
    ["train_images.zip", ARCHIVE],
  ]);
  const zenodo = await startSite((path) => {
    if (path === "/api/records/7") {
      return {
        files: [...files].map(([key, content]) => ({
          key,
          size: content.length,
          checksum: `md5:${digest("md5", content)}`,
        })),
      };
    }
    return files.get(/^\/records\/7\/files\/([^?]+)\?download=1$/.exec(path)?.[1] ?? "");
  });
  const publication: Publication = {
    from: "zenodo",
    id: "7",
    wanted: [/captions\.csv$/, /images\.zip$/],
    folder: "rocov2",
    unpack: { "train_images.zip": "train_images" },
  };
  const { folder, outcome } = await fetchPublication(publication, { dataDir, addresses: { zenodo } });
  expect(outcome).toBe("fetched");
  expect(readdirSync(folder).sort()).toEqual([FETCHED_DATA_FILE, "train_captions.csv", "train_images"]);
  const missing = await refusal(() =>
    fetchPublication({ ...publication, id: "8" }, { dataDir, addresses: { zenodo } }),
  );
  expect(missing.message).toMatch(/listZenodo: .*\/api\/records\/8 must answer 200; got status 404\. Look at/);
});

const PUBLIC_JSON = Buffer.from("[2]");
const PHOTO = bytes(500, 13);
const OSF: Publication = { from: "osf", id: "abcde", wanted: [/^VQA\.json$/, /^Images\/[^/]+\.jpg$/], folder: "vqa" };

/** A project with a file and, on a page of its own, a folder of one picture; `change` alters the picture's entry. */
function osfSite(change: (item: Record<string, unknown>) => object = (item) => item) {
  return startSite((path, origin) => {
    const item = (name: string, content: Buffer, id: string) => ({
      attributes: {
        kind: "file",
        size: content.length,
        materialized_path: name,
        extra: { hashes: { sha256: digest("sha256", content) } },
      },
      links: { download: `${origin}/download/${id}/` },
    });
    const related = { href: `${origin}/v2/folder/` };
    const folder = { attributes: { kind: "folder" }, relationships: { files: { links: { related } } } };
    if (path.startsWith("/v2/nodes/abcde/files/osfstorage/?page=2")) return { data: [folder], links: { next: null } };
    if (path.startsWith("/v2/nodes/abcde/files/osfstorage/")) {
      const next = `${origin}/v2/nodes/abcde/files/osfstorage/?page=2`;
      return { data: [item("/VQA.json", PUBLIC_JSON, "j")], links: { next } };
    }
    if (path === "/v2/folder/") return { data: [change(item("/Images/x.jpg", PHOTO, "x"))], links: {} };
    return path === "/download/j/" ? PUBLIC_JSON : path === "/download/x/" ? PHOTO : undefined;
  });
}

test("a project of OSF: pages and folders of its listing, sizes and sha256 as it states them", async () => {
  const origin = await osfSite();
  const addresses = { osf: `${origin}/v2`, osfFiles: [origin] };
  const { folder } = await fetchPublication(OSF, { dataDir, addresses });
  expect(readFileSync(join(folder, "Images/x.jpg")).equals(PHOTO)).toBe(true);
  expect(readFileSync(join(folder, "VQA.json")).equals(PUBLIC_JSON)).toBe(true);
});

test.each([
  [
    "a path that climbs",
    (item: Record<string, unknown>) => ({
      ...item,
      attributes: { ...(item["attributes"] as object), materialized_path: "/../x.jpg" },
    }),
    /must list paths inside its folder; got "\/\.\.\/x\.jpg"/,
  ],
  [
    "an address of another host",
    (item: Record<string, unknown>) => ({ ...item, links: { download: "http://127.0.0.2/x" } }),
    /must lead to http.* got "http:\/\/127\.0\.0\.2\/x"/,
  ],
  [
    "no digest",
    (item: Record<string, unknown>) => ({ ...item, attributes: { ...(item["attributes"] as object), extra: {} } }),
    /must list the sha256 of Images\/x\.jpg; got none/,
  ],
])("a listing of OSF with %s is refused", async (_, change, wording) => {
  const origin = await osfSite(change);
  const { message, code } = await refusal(() =>
    fetchPublication(OSF, { dataDir, addresses: { osf: `${origin}/v2`, osfFiles: [origin] } }),
  );
  expect(code).toBe("data");
  expect(message).toMatch(wording);
});
