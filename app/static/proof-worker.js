// Looks for numbers whose SHA-256 (FIPS 180-4) behind a challenge begins with zero bits. The challenge, 64 signs, is a block of
// its own: it is hashed once, and each number is one block more. WebCrypto would take longer to be asked than to hash.
const K = Int32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
);
const START = Int32Array.of(
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
);
const LENGTH = 64; // bytes of a block, and signs of a challenge
const words = new Int32Array(64); // a block as its 16 words, and what follows from them

/** The state after the block that stands in the words. All is in 32 bits: with larger numbers it takes ten times as long. */
function compress(before, after) {
  for (let at = 16; at < 64; at++) {
    const early = words[at - 15];
    const late = words[at - 2];
    const one = ((early >>> 7) | (early << 25)) ^ ((early >>> 18) | (early << 14)) ^ (early >>> 3);
    const two = ((late >>> 17) | (late << 15)) ^ ((late >>> 19) | (late << 13)) ^ (late >>> 10);
    words[at] = (words[at - 16] + one + words[at - 7] + two) | 0;
  }
  let a = before[0];
  let b = before[1];
  let c = before[2];
  let d = before[3];
  let e = before[4];
  let f = before[5];
  let g = before[6];
  let h = before[7];
  for (let at = 0; at < 64; at++) {
    const mix = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const first = (h + mix + ((e & f) ^ (~e & g)) + K[at] + words[at]) | 0;
    const turn = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const second = (turn + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  after[0] = before[0] + a;
  after[1] = before[1] + b;
  after[2] = before[2] + c;
  after[3] = before[3] + d;
  after[4] = before[4] + e;
  after[5] = before[5] + f;
  after[6] = before[6] + g;
  after[7] = before[7] + h;
}

/** Put a text of ASCII into the words, with the one bit behind it where the hash ends with it. */
function put(text, isLast) {
  words.fill(0, 0, 16);
  for (let at = 0; at < text.length; at++) words[at >> 2] |= text.charCodeAt(at) << (24 - 8 * (at & 3));
  if (!isLast) return;
  words[text.length >> 2] |= 0x80 << (24 - 8 * (text.length & 3));
  words[15] = 8 * (LENGTH + text.length);
}

/** The numbers, rising, each of which solves a part. */
function solved(challenge, parts, bits) {
  const begun = new Int32Array(8);
  const ended = new Int32Array(8);
  put(challenge, false);
  compress(START, begun);
  const found = [];
  for (let number = 0; found.length < parts; number++) {
    put(String(number), true);
    compress(begun, ended);
    if (ended[0] >>> (32 - bits) === 0) found.push(number);
  }
  return found;
}

addEventListener("message", ({ data }) => {
  const [challenge, parts, bits] = data.split(".");
  postMessage(solved(challenge, Number(parts), Number(bits)).join("."));
});
