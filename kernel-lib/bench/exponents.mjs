/**
 * The power law seconds = a · size^exponent through points, by least squares of the logarithms.
 *
 * @returns exponent, its standard error (null with two points: a line through both leaves nothing to judge it by), and a.
 */
export function fitExponent(sizes, seconds) {
  if (sizes.length !== seconds.length || sizes.length < 2)
    throw new Error(
      `fitExponent: needs two points or more, one time a size; got ${sizes.length} and ${seconds.length}.`,
    );
  if ([...sizes, ...seconds].some((value) => !(value > 0) || !Number.isFinite(value)))
    throw new Error("fitExponent: sizes and times must be positive; a logarithm of anything else does not exist.");
  const [x, y] = [sizes.map(Math.log), seconds.map(Math.log)];
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [centreX, centreY] = [mean(x), mean(y)];
  const spread = x.reduce((sum, value) => sum + (value - centreX) ** 2, 0);
  if (spread === 0) throw new Error("fitExponent: sizes must differ; got one size only.");
  const exponent = x.reduce((sum, value, i) => sum + (value - centreX) * (y[i] - centreY), 0) / spread;
  const rest = x.reduce((sum, value, i) => sum + (y[i] - centreY - exponent * (value - centreX)) ** 2, 0);
  const error = sizes.length === 2 ? null : Math.sqrt(rest / (sizes.length - 2) / spread);
  return { exponent, error, factor: Math.exp(centreY - exponent * centreX) };
}
