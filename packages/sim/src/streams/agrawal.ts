// Decides the rows and the ten rules of Agrawal, Imielinski and Swami, "Database mining: a performance perspective", IEEE TKDE 1993:
// who gets a loan. Never draws but from the stream that it is handed.
import type { Random } from '../random.ts';
import type { ConceptFamily } from './concept.ts';

interface Person {
  readonly salary: number;
  readonly commission: number;
  readonly age: number;
  readonly education: number;
  readonly houseValue: number;
  readonly houseYears: number;
  readonly loan: number;
}

const isIn = (value: number, low: number, high: number): boolean => value >= low && value <= high;
const K = 1000;
type Range = readonly [number, number];

/** One of three by age: below 40, below 60, from there on. */
const byAge = <T>(age: number, young: T, middle: T, old: T): T => (age < 40 ? young : age < 60 ? middle : old);
const isInK = (value: number, [low, high]: Range): boolean => isIn(value, low * K, high * K);

const salaries = (age: number): Range => byAge<Range>(age, [50, 100], [75, 125], [25, 75]);
const schooling = (age: number): Range => byAge<Range>(age, [0, 1], [1, 3], [2, 4]);
const isSchooled = ({ age, education }: Person): boolean => isIn(education, ...schooling(age));
const income = ({ salary, commission }: Person): number => (2 * (salary + commission)) / 3;
const equity = ({ houseValue, houseYears }: Person): number =>
  houseYears < 20 ? 0 : (houseValue * (houseYears - 20)) / 10;

/** Group A, by the functions 1 to 10 of the paper. */
const RULES: readonly ((p: Person) => boolean)[] = [
  ({ age }) => age < 40 || age >= 60,
  ({ age, salary }) => isInK(salary, salaries(age)),
  isSchooled,
  (p) => {
    const [schooled, other] = byAge<readonly [Range, Range]>(
      p.age,
      [[25, 75], [50, 100]],
      [[50, 100], [75, 125]],
      [[50, 100], [25, 75]],
    ); // biome-ignore format: a table
    return isInK(p.salary, isSchooled(p) ? schooled : other);
  },
  ({ age, salary, loan }) => {
    const [within, other] = byAge<readonly [Range, Range]>(
      age,
      [[100, 300], [200, 400]],
      [[200, 400], [300, 500]],
      [[300, 500], [100, 300]],
    ); // biome-ignore format: a table
    return isInK(loan, isInK(salary, salaries(age)) ? within : other);
  },
  ({ age, salary, commission }) => isInK(salary + commission, salaries(age)),
  (p) => income(p) - p.loan / 5 - 20 * K > 0,
  (p) => income(p) - 5 * K * p.education - 20 * K > 0,
  (p) => income(p) - 5 * K * p.education - p.loan / 5 - 10 * K > 0,
  (p) => income(p) - 5 * K * p.education + equity(p) / 5 - 10 * K > 0,
];

const FEATURES = [
  'salary', 'commission', 'age', 'education', 'car', 'zip', 'houseValue', 'houseYears', 'loan',
] as const; // biome-ignore format: one list

const whole = (random: Random, from: number, to: number): number =>
  from + Math.floor((to - from + 1) * random.uniform());

export const AGRAWAL: ConceptFamily = {
  name: 'Agrawal',
  features: FEATURES,
  concepts: RULES.length,
  draw(random, concept, x) {
    const salary = random.between(20 * K, 150 * K);
    const zip = whole(random, 0, 8);
    x[0] = salary;
    x[1] = salary >= 75 * K ? 0 : random.between(10 * K, 75 * K);
    x[2] = whole(random, 20, 80);
    x[3] = whole(random, 0, 4);
    x[4] = whole(random, 1, 20);
    x[5] = zip;
    x[6] = (zip + 1) * 100 * K * random.between(0.5, 1.5);
    x[7] = whole(random, 1, 30);
    x[8] = random.between(0, 500 * K);
    return this.predict(x, concept);
  },
  predict(x, concept) {
    const [salary, commission, age, education, , , houseValue, houseYears, loan] = x as unknown as number[];
    const person = { salary, commission, age, education, houseValue, houseYears, loan } as Person;
    return RULES[concept]?.(person) === true ? 1 : 0;
  },
};
