// The documents that every store is given: those of `bench/src/documents.rs`, so that figures of both can be held against
// each other. `main.ts` refuses to start where the two differ.

const GIVEN = [
  "Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Leslie", "Frances", "Tony", "Radia", "Ken", "Karen",
  "Niklaus", "Margaret", "John", "Shafi",
];
const FAMILY = [
  "Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Lamport", "Allen", "Hoare", "Perlman", "Thompson",
  "Jones", "Wirth", "Hamilton", "Backus", "Micali",
];
const CITIES = ["London", "Uppsala", "Trondheim", "Lisboa", "Kraków", "Aarhus", "Torino", "Gent"];
const STREETS = ["Mill Lane", "High Street", "Station Road", "Park Avenue", "Church Row", "Quay", "Elm Walk", "Bridge St"];
const TAGS = ["early", "verified", "newsletter", "trial", "partner", "mobile", "archived", "support"];

/** A user as an application would hold it. */
export interface Person {
  id: number;
  name: string;
  email: string;
  age: number;
  balance: number;
  active: boolean;
  tags: string[];
  home: { street: string; city: string; zip: string };
  logins: number;
  revision: number;
}

export type Document = [key: string, person: Person];

/** The key of record `number`, for example `user:00001234`. */
export const keyOf = (number: number) => `user:${String(number).padStart(8, "0")}`;

/** Record `number` as it was at `revision`; another revision differs in balance, flag and logins. */
export function document(number: number, revision: number): Document {
  const person = mix(BigInt(number));
  const state = mix(person ^ BigInt(revision));
  const [given, family] = [pick(GIVEN, person), pick(FAMILY, person >> 8n)];
  return [keyOf(number), {
    id: number,
    name: `${given} ${family}`,
    email: `${given.toLowerCase()}.${family.toLowerCase()}${number}@mail.org`,
    age: 18 + Number(((person >> 16n) & 255n) % 70n),
    balance: Number(state % 1_000_000n) / 100,
    active: (state & (1n << 40n)) === 0n,
    tags: [pick(TAGS, person >> 24n), pick(TAGS, person >> 32n)],
    home: {
      street: `${1n + ((person >> 40n) % 199n)} ${pick(STREETS, person >> 48n)}`,
      city: pick(CITIES, person >> 52n),
      zip: String((person >> 20n) % 100_000n).padStart(5, "0"),
    },
    logins: Number(state >> 52n),
    revision,
  }];
}

const pick = (from: string[], bits: bigint) => from[Number(bits % BigInt(from.length))]!;

/** SplitMix64 (Steele, Lea, Flood 2014). */
function mix(number: bigint): bigint {
  let z = BigInt.asUintN(64, number + 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

/** The `position`-th of the numbers `0..count` in a shuffled order that visits each once: a Feistel network. */
export function shuffled(position: number, count: number): number {
  const halfBits = BigInt(Math.ceil((Math.max(count, 2) - 1).toString(2).length / 2));
  const mask = (1n << halfBits) - 1n;
  let number = BigInt(position);
  do {
    let [left, right] = [number >> halfBits, number & mask];
    for (let round = 0n; round < 4n; round++) [left, right] = [right, left ^ (mix(right ^ (round << 56n)) & mask)];
    number = (left << halfBits) | right;
  } while (number >= BigInt(count));
  return Number(number);
}

/** Uniform choices from `0..count`, the same for the same seed. */
export function choices(seed: number, count: number): () => number {
  let state = mix(BigInt(seed));
  return () => Number(mix((state = BigInt.asUintN(64, state + 1n))) % BigInt(count));
}

/** What differs from the documents of the Rust benchmark; `undefined` if nothing does. */
export function difference(): string | undefined {
  const expected = [
    [JSON.stringify(document(7, 1)[1]), '{"id":7,"name":"Frances Hamilton","email":"frances.hamilton7@mail.org","age":68,"balance":6484.15,"active":false,"tags":["verified","partner"],"home":{"street":"123 Park Avenue","city":"Kraków","zip":"59347"},"logins":980,"revision":1}'],
    [JSON.stringify(document(1_234_567, 3)[1]), '{"id":1234567,"name":"Donald Wirth","email":"donald.wirth1234567@mail.org","age":26,"balance":1205.96,"active":false,"tags":["trial","support"],"home":{"street":"75 Elm Walk","city":"Uppsala","zip":"33584"},"logins":1818,"revision":3}'],
    [shuffled(0, 10_000), 3457], [shuffled(9999, 10_000), 8381], [shuffled(5, 100_000), 87_935],
    [choices(3, 100_000)(), 3821],
  ];
  const wrong = expected.find(([is, should]) => is !== should);
  return wrong && `${wrong[0]} is not ${wrong[1]}`;
}
