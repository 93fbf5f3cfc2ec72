/** Four bytes as `127.0.0.1`. */
export const ipv4Text = (bytes: Uint8Array): string => bytes.join('.')

/** The first 96 bits of an IPv4 address in the form of IPv6, `::ffff:127.0.0.1`. */
const IPV4_MAPPED = '0,0,0,0,0,0,0,0,0,0,255,255'

/** 16 bytes in the form of RFC 5952: `::1`, `2001:db8::2:1`, `::ffff:127.0.0.1`. */
export function ipv6Text(bytes: Uint8Array): string {
  if (bytes.subarray(0, 12).join() === IPV4_MAPPED) return `::ffff:${ipv4Text(bytes.subarray(12))}`
  const groups = Array.from({ length: 8 }, (_, at) => bytes[at * 2]! * 256 + bytes[at * 2 + 1]!)
  const zeros = longestZeros(groups)
  const text = (list: number[]) => list.map(group => group.toString(16)).join(':')
  if (zeros === undefined) return text(groups)
  const { start, length } = zeros
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
}

/** The longest run of at least two zeros, and the first of them where several are as long. */
function longestZeros(groups: number[]): { start: number; length: number } | undefined {
  let longest = { start: 0, length: 1 }
  let length = 0
  for (const [at, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0
    if (length > longest.length) longest = { start: at - length + 1, length }
  }
  return longest.length > 1 ? longest : undefined
}
