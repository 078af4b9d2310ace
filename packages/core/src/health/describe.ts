// Owns how a number of the catalogue is said in few characters. Never decides whether it is good.
import { METRICS, type MetricUnit } from './catalogue.ts';

const round = (value: number): string => String(Number(value.toPrecision(3)));

function bytes(value: number): string {
  const [size, unit] = value >= 1e9 ? [1e9, 'GB'] : value >= 1e6 ? [1e6, 'MB'] : value >= 1e3 ? [1e3, 'kB'] : [1, 'B'];
  return `${round(value / size)} ${unit}`;
}

const SAY: Readonly<Record<MetricUnit, (value: number) => string>> = {
  bytes,
  celsius: (value) => `${round(value)} °C`,
  seconds: (value) => `${round(value)} s`,
  microseconds: (value) => `${round(value)} µs`,
  ratio: (value) => `${round(100 * value)} %`,
  count: (value) => String(Math.round(value)),
  days: (value) => `${round(value)} d`,
};

export function describeMetric(name: string, value: number): string {
  const unit = METRICS.find((metric) => metric.name === name)?.unit;
  return unit === undefined ? String(value) : SAY[unit](value);
}
