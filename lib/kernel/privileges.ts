import { readFileSync } from 'node:fs'
import { describeRefusal, type Refusal } from './attempt.ts'

/** Parts of root's power, with their numbers: see capabilities(7). */
const CAPABILITIES = {
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_SYS_ADMIN: 21,
} as const

export type Capability = keyof typeof CAPABILITIES

/** What the kit does as root, and the capabilities that the kernel asks for. */
export const REQUIRED = {
  /** tcpdump opens a packet socket, then becomes another user, and is ended by a signal. */
  capture: ['CAP_NET_RAW', 'CAP_SETUID', 'CAP_SETGID', 'CAP_KILL'],
  /** tracefs is mounted in a mount namespace. */
  tracing: ['CAP_SYS_ADMIN'],
  /** Namespaces are made, and networks in them. */
  namespaces: ['CAP_SYS_ADMIN', 'CAP_NET_ADMIN'],
  all: ['CAP_SYS_ADMIN', 'CAP_NET_ADMIN', 'CAP_NET_RAW'],
} as const satisfies Record<string, readonly Capability[]>

/** What this process may do, and what restrains it, as far as the system shows it. */
export interface Privileges {
  isRoot: boolean
  has: (capability: Capability) => boolean
  /** Restraints in force: `a seccomp filter`. That they are there does not make them the cause. */
  restraints: readonly string[]
}

let known: Privileges | undefined

/** The privileges of this process. They are looked up once: it never gets more of them later. */
export function ownPrivileges(): Privileges {
  known ??= readPrivileges()
  return known
}

function readPrivileges(): Privileges {
  const isRoot = process.getuid?.() === 0
  const status = read('/proc/self/status')
  // Other systems have no capabilities: root may do everything there.
  if (status === undefined) return { isRoot, has: () => isRoot, restraints: [] }
  return { isRoot, has: capabilitiesOf(status), restraints: restraintsOf(status, read) }
}

/** The part of `ownPrivileges` that reads `/proc/self/status`. */
export function capabilitiesOf(status: string): Privileges['has'] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  return capability => (effective & (1n << BigInt(CAPABILITIES[capability]))) !== 0n
}

/** What restrains a process in ways that capabilities do not show. */
export function restraintsOf(
  status: string,
  readFile: (file: string) => string | undefined,
): string[] {
  const map = readFile('/proc/self/uid_map')?.trim().split(/\s+/).join(' ')
  const profile = readFile('/proc/self/attr/current')?.replace('\0', '').trim()
  return [
    ...(map !== undefined && map !== '0 0 4294967295' ? ['a user namespace'] : []),
    ...(/^Seccomp:\s*2$/m.test(status) ? ['a seccomp filter'] : []),
    ...(/^NoNewPrivs:\s*1$/m.test(status) ? ['no_new_privs'] : []),
    ...(profile?.endsWith('(enforce)') ? [`the AppArmor profile ${profile}`] : []),
  ]
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return undefined // this kernel has no such file
  }
}

/** Why something cannot be had here. */
export interface Shortfall {
  /** What is missing, and what brings it where that is known: `needs root (sudo)`. */
  needs: string
  /** What was tried, and what came back. */
  evidence?: string
}

/**
 * Why something that takes capabilities was refused. Only what was observed is given as a reason:
 * that the process is not root, which capabilities it lacks, or else the refusal itself.
 *
 * `(sudo)` stands for the command with sudo before it: see `withCommand`.
 */
export function explainRefusal(
  refusal: Refusal,
  required: readonly Capability[],
  privileges = ownPrivileges(),
): Shortfall {
  const evidence = describeRefusal(refusal)
  const needs = missingPrivileges(required, privileges)
  if (needs !== undefined) return { needs, evidence }
  const { restraints } = privileges
  return { needs: restraints.length > 0 ? `${evidence} (in ${restraints.join(', ')})` : evidence }
}

/** The capabilities that are missing, and what brings them; undefined where they are all there. */
export function missingPrivileges(
  required: readonly Capability[],
  { isRoot, has } = ownPrivileges(),
): string | undefined {
  const absent = required.filter(capability => !has(capability))
  if (absent.length === 0) return undefined
  return isRoot
    ? `needs ${absent.join(', ')}, which root does not have here (${howToGet(absent)})`
    : 'needs root (sudo)'
}

/** What gives capabilities to root of a container. */
function howToGet(capabilities: readonly Capability[]): string {
  const flags = capabilities.map(capability => `--cap-add ${capability.replace('CAP_', '')}`)
  return `in a container: --privileged, or ${flags.join(' ')}`
}

/** A reason with the command that is to be run as root. */
export const withCommand = (reason: string, command: string): string =>
  reason.replace('(sudo)', `(sudo ${command})`)
