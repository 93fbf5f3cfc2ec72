import type { End, Place } from './recording.ts'

/** One machine: both programs run on it, and their packets pass its loopback interface. */
export function onLoopback(hasPackets: boolean): Place {
  return {
    hosts: [{ name: 'localhost', ends: ['server', 'client'] }],
    captures: hasPackets ? [{ host: 'localhost', interface: 'lo' }] : [],
  }
}

/** What a program is called: `server`, and where there are several hosts `server on b`. */
export function endName(end: End, { hosts }: Place): string {
  const host = hosts.length > 1 ? hosts.find(({ ends }) => ends.includes(end)) : undefined
  return host === undefined ? end : `${end} on ${host.name}`
}

/** Which hosts there were, and where packets were captured; empty for a run on one machine. */
export function describePlace({ hosts, captures }: Place): string[] {
  if (hosts.length < 2) return []
  const names = hosts.map(({ name, addresses = [] }) =>
    addresses.length === 0 ? name : `${name} (${addresses.join(', ')})`,
  )
  const points = captures.map(point => `${point.host}:${point.interface}`)
  const captured = points.length === 0 ? [] : [`packets captured at ${points.join(' and ')}`]
  return [`hosts ${names.join(', ')}`, ...captured]
}
