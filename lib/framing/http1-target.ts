/**
 * Where a request goes: the forms of a request-target, and what a Host may be.
 */
import { NOTHING } from './codec-base.ts'
import { text } from './http1-grammar.ts'

/** uri-host [ ":" port ], with a host: RFC 9110 sections 7.2 and 4.2.1, RFC 3986 section 3.2.2. */
const AUTHORITY = /^(?:\[([^\]]*)\]|(?:[0-9a-z\-._~!$&'()*+,;=]|%[0-9a-f]{2})+)(?::(\d*))?$/i
const H16 = /^[0-9a-f]{1,4}$/i
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/
const IP_FUTURE = /^v[0-9a-f]+\.[0-9a-z\-._~!$&'()*+,;=:]+$/i
/** RFC 3986 section 3.1. */
export const SCHEME = /^[a-z][a-z0-9+\-.]*:\/\//i
/** What a URI is made of: RFC 3986 section 2. Decoders take more, as browsers send more. */
export const URI = /^(?:[a-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9a-f]{2})*$/i

/** The four forms of a request-target: RFC 9112 section 3.2. */
export function isTarget(method: string, target: string): boolean {
  // RFC 9110 section 9.3.6: a port, and a valid one.
  if (method === 'CONNECT') return (portOf(target) ?? 0) > 0
  if (target.startsWith('/')) return true
  if (target === '*') return method === 'OPTIONS'
  const scheme = SCHEME.exec(target)
  if (scheme === null) return false
  const authority = target.slice(scheme[0].length).split(/[/?]/, 1)[0]!
  return portOf(authority) !== null
}

/** Returns the port of an authority, 0 when it names none; `null` when it is no authority. */
function portOf(authority: string): number | null {
  const parts = AUTHORITY.exec(authority)
  if (parts === null) return null
  const [, literal, port = ''] = parts
  if (literal !== undefined && !isIpv6(literal) && !IP_FUTURE.test(literal)) return null
  return Number(port) <= 65_535 ? Number(port) : null
}

/** Eight groups of 1 to 4 digits; `::` stands for one or more of them: RFC 3986 section 3.2.2. */
function isIpv6(address: string): boolean {
  const halves = address.split('::', 3)
  const groups = halves.map(half => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1)!
  // The last two groups may be written as an IPv4 address.
  if (IPV4.test(last.at(-1) ?? '')) last.splice(-1, 1, '0', '0')
  const all = groups.flat()
  if (!all.every(group => H16.test(group))) return false
  return halves.length === 1 ? all.length === 8 : halves.length === 2 && all.length < 8
}

/** The last valid Host of all decoders: most requests that a server gets are for the same one. */
let knownHost = NOTHING

/** Tells whether the bytes are a host, with a port or without. */
export function isHost(bytes: Uint8Array, start: number, end: number): boolean {
  if (isKnownHost(bytes, start, end)) return true
  if (portOf(text(bytes, start, end)) === null) return false
  if (end - start <= 64) knownHost = Uint8Array.from(bytes.subarray(start, end))
  return true
}

function isKnownHost(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== knownHost.length) return false
  for (let at = start; at < end; at++) if (bytes[at] !== knownHost[at - start]) return false
  return true
}
