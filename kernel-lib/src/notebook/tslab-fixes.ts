/**
 * Loaded into the TypeScript kernel by `node --require`, before tslab: mends what its compiler gets wrong,
 * and ends it with the program that started it.
 * The project's kernel spec and the runner both start the kernel with it.
 */
import { createRequire } from "node:module";
import "./end-with-parent";
import { expandShorthand, type SyntaxTree } from "./expand-shorthand";

interface Converter {
  convert(previous: string, source: string): unknown;
}
interface ConverterModule {
  createConverter(options: unknown): Converter;
}

const fromTslab = createRequire(createRequire(__filename).resolve("tslab/package.json"));
const compiler = fromTslab("@tslab/typescript-for-tslab") as SyntaxTree;
const converters = fromTslab("./dist/converter.js") as ConverterModule;
const createConverter = converters.createConverter;

converters.createConverter = (options) => {
  const converter = createConverter(options);
  const convert = converter.convert;
  return Object.assign(converter, {
    convert: (previous: string, source: string) => convert(previous, expandShorthand(compiler, source)),
  });
};
