// Matrices in files of numpy (`.npy`): floats of 16 or 32 bits, little-endian, row by row. Pure. What does not fit its own
// header is refused.

export interface Matrix {
  rows: number;
  columns: number;
  /** Row by row. */
  numbers: Float32Array;
}

const MAGIC = "\x93NUMPY";
const HEAD = /'descr':\s*'<f([24])'.*'fortran_order':\s*False.*'shape':\s*\((\d+),\s*(\d+)\)/s;

export function readNpy(file: ArrayBuffer): Matrix {
  const bytes = new Uint8Array(file);
  const view = new DataView(file);
  const latin = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
  if (file.byteLength < 10 || latin(0, 6) !== MAGIC || bytes[6] !== 1) throw new SyntaxError("this is no .npy file of version 1");
  const begin = 10 + view.getUint16(8, true);
  const head = HEAD.exec(latin(10, begin));
  if (!head) throw new SyntaxError("only matrices of little-endian floats of 16 or 32 bits, row by row, can be read");
  const [size, rows, columns] = head.slice(1).map(Number) as [number, number, number];
  if (file.byteLength !== begin + rows * columns * size) throw new SyntaxError(`${file.byteLength} bytes are not ${rows} rows of ${columns} numbers`);
  const numbers = new Float32Array(rows * columns);
  for (let i = 0; i < numbers.length; i++) {
    const at = begin + i * size;
    numbers[i] = size === 2 ? fromHalf(view.getUint16(at, true)) : view.getFloat32(at, true);
  }
  return { rows, columns, numbers };
}

/** The float of 16 bits that has these. */
export function fromHalf(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
