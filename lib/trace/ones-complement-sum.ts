/** The Internet checksum of a piece of a packet, not yet complemented (RFC 1071). */
export function onesComplementSum(bytes: Uint8Array, start = 0): number {
  let sum = start
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes[at]! * 256 + bytes[at + 1]!
  if (bytes.length % 2 === 1) sum += bytes.at(-1)! * 256
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000)
  return sum
}
