import "./end-with-parent";
import { createRequire } from "node:module";
import { expandShorthand, type SyntaxTree } from "./expand-shorthand";
import { queueSends } from "./queue-sends";

/**
 * Loaded into the TypeScript kernel by `node --require`, before tslab: mends what its compiler gets wrong, lets no message be
 * lost behind a large one, and ends it with the program that started it.
 * The project's kernel spec and the runner both start the kernel with it.
 */

interface Converter {
  convert(previous: string, source: string): unknown;
}
type Sender = Parameters<typeof queueSends>[0];
interface ConverterModule {
  createConverter(options: unknown): Converter;
}

const fromTslab = createRequire(createRequire(__filename).resolve("tslab/package.json"));
const compiler = fromTslab("@tslab/typescript-for-tslab") as SyntaxTree;
const converters = fromTslab("./dist/converter.js") as ConverterModule;
const { Publisher, Router } = fromTslab("zeromq") as Record<"Publisher" | "Router", { prototype: Sender }>;
for (const socketClass of [Publisher, Router]) queueSends(socketClass.prototype);

const createConverter = converters.createConverter;

converters.createConverter = (options) => {
  const converter = createConverter(options);
  const convert = converter.convert;
  return Object.assign(converter, {
    convert: (previous: string, source: string) => convert(previous, expandShorthand(compiler, source)),
  });
};
