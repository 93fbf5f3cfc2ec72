import { readFileSync } from 'node:fs'

/** Parts of root's power, with their numbers: see capabilities(7). */
const CAPABILITIES = {
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_SYS_ADMIN: 21,
} as const

export type Capability = keyof typeof CAPABILITIES

/** What the kit does as root, and what the kernel asks for. */
export const RIGHTS = {
  /** tcpdump opens a packet socket, and then becomes another user. */
  capture: ['CAP_NET_RAW', 'CAP_SETUID', 'CAP_SETGID'],
  /** tracefs is mounted. */
  tracing: ['CAP_SYS_ADMIN'],
  /** Namespaces are made, and networks in them. */
  namespaces: ['CAP_SYS_ADMIN', 'CAP_NET_ADMIN'],
  all: ['CAP_SYS_ADMIN', 'CAP_NET_ADMIN', 'CAP_NET_RAW'],
} as const satisfies Record<string, readonly Capability[]>

const CONTAINER =
  'in a container: --privileged, or --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_RAW'

/** What this process is, as far as rights go. */
export interface Standing {
  isRoot: boolean
  /** Whether our root is the machine's. In a user namespace, 0 stands for somebody else. */
  isReal: boolean
  has: (capability: Capability) => boolean
}

let known: Standing | undefined

/** The standing of this process. It is looked up once: nobody gets more rights later. */
export function standing(): Standing {
  known ??= readStanding()
  return known
}

function readStanding(): Standing {
  const isRoot = process.getuid?.() === 0
  try {
    const map = readFileSync('/proc/self/uid_map', 'latin1').trim().split(/\s+/).join(' ')
    const status = readFileSync('/proc/self/status', 'latin1')
    return { isRoot, isReal: map === '0 0 4294967295', has: capabilitiesOf(status) }
  } catch {
    return { isRoot, isReal: true, has: () => isRoot } // no such things on this system
  }
}

/** The part of `standing` that reads `/proc/self/status`. */
export function capabilitiesOf(status: string): Standing['has'] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  return capability => (effective & (1n << BigInt(CAPABILITIES[capability]))) !== 0n
}

/** What is missing for something that takes rights; undefined where they are all there. */
export function lacksRights(
  rights: readonly Capability[],
  { isRoot, isReal, has } = standing(),
): string | undefined {
  const enough = isRoot && isReal && rights.every(has)
  return enough ? undefined : cureFor(rights, { isRoot, isReal, has })
}

/**
 * What would bring rights that were refused: root, and to root, who was refused them all the same,
 * what a container needs. `(sudo)` stands for the command with sudo before it.
 */
export function cureFor(
  rights: readonly Capability[],
  { isRoot, isReal, has } = standing(),
): string {
  if (!isRoot) return 'needs root (sudo)'
  const isComplete = rights.every(has)
  if (isComplete && !isReal) {
    return 'needs the root of this machine: this one is root of a user namespace only'
  }
  return `needs rights that root does not have here (${CONTAINER})`
}
