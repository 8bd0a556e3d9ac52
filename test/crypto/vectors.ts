/** The vectors of docs/format.md, section 3. */

export const PASSWORD = "correct horse";
export const SALT = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");

export const VECTORS = {
  aes: {
    nonce: Buffer.from("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", "hex"),
    key: "0b275fa75cfd4708456d906550f18451b9bdd18608ccb90310e8aefe5f199055",
    helloTag: "bd738033bf6846fc7980b72b18756ee4",
    hello: "011833df10",
    emptyTag: "1f73e843acc1cfbf1dc133069a31ef9c",
    umlautKey: "54446fd0df5ac390ed790e9e94132272ba8147b5cb9d8a106b404d3b65390ccb",
    name: "0q7jifcto1mnxv1xoru9qnntdh33o1w4x853rlvlujcgmg2lwsvpfjejj0hkcudd662x7abi0dgxu8smdfu6x48bsto01zofplk4w2ljifqmroco8uvsi6dwp2rith3nrx85s8j04egylhuow.enc",
  },
  cha: {
    nonce: Buffer.from("a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7", "hex"),
    key: "577f1ff37e9a3e52c97d39f8e83891c1b73b0e87ffe0429cee8ede2fb005fe44",
    helloTag: "6d8447c2ed4b69c8ac3888f0ae541c7c",
    hello: "43d6e22b3e",
    emptyTag: "64715db2380f35bb37bdd1edb85efe1d",
    umlautKey: "c056a430bc5eafefcd696efd05f1bb033f0dc4ab092de6471375d71a2ae547b6",
    name: "02u1951ui2du2xjti2juh88833d95gb9cbb4zv7dncaed4hayb3wvghdfoq346qoigxaaxp2kd5akk7uigctvrav1zlrpsaeurmdvp1gmb6ssbxu4sgy7ndc1i117tlnspnt2gap4g54iaezx4ck8ipkc1nrn3.enc",
  },
} as const;

export const TYPES = ["aes", "cha"] as const;

/** A ring that knows the vectors' keys, so that nothing is derived. */
export function vectorKeys() {
  return TYPES.map((type) => ({
    type,
    saltHex: SALT.toString("hex"),
    key: Buffer.from(VECTORS[type].key, "hex"),
  }));
}
