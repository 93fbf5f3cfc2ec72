import { readdirSync, writeFileSync } from 'node:fs'
import { readSysctl, sysctlFile } from '#lib/kernel/sysctl.ts'

/** Kernel parameters by name: `net.ipv4.tcp_sack`, in the words of the file. */
export type Settings = Readonly<Record<string, string>>

/** What became of the host's settings in a private network. */
export interface CopiedSettings {
  /** Each one that the kernel gave another value at first, with the host's value. */
  copied: Settings
  /** Why each of the others that differ still does: `net.ipv4.tcp_… = 1 here, 0 on the host`. */
  notCopied: string[]
}

/** Whatever is about sockets; not what makes a host a router, and nothing that is a secret. */
const FOLDERS: readonly [folder: string, names: RegExp][] = [
  ['net.core', /^(somaxconn|txrehash|(r|w)mem_\w+|optmem_max)$/],
  ['net.ipv4', /^(tcp|udp|ip|icmp)_(?!forward|fastopen_key|available|\w*hash_entries)\w+$/],
  ['net.ipv6', /^bindv6only$/],
  ['net.ipv6.conf.all', /^disable_ipv6$/],
  ['net.ipv6.conf.default', /^disable_ipv6$/],
  ['net.ipv6.conf.lo', /^disable_ipv6$/],
]

/** Reads the parameters of this network that sockets depend on; empty where there are none. */
export function readSettings(): Settings {
  const settings: Record<string, string> = {}
  for (const [folder, wanted] of FOLDERS) {
    for (const name of namesIn(sysctlFile(folder))) {
      const value = wanted.test(name) ? readSetting(`${folder}.${name}`) : undefined
      if (value !== undefined) settings[`${folder}.${name}`] = value
    }
  }
  return settings
}

/**
 * Gives this network the host's settings: the kernel makes a new one with its own defaults, and with
 * no regard to what the host has set.
 *
 * A parameter that this network does not have at all is the host's, for all of its networks.
 */
export function copySettings(host: Settings): CopiedSettings {
  const before = readSettings()
  const differing = Object.keys(host).filter(
    name => before[name] !== undefined && before[name] !== host[name],
  )
  for (const name of differing) {
    try {
      writeFileSync(sysctlFile(name), host[name]!)
    } catch {
      // What it is in the end is looked up below.
    }
  }
  const after = readSettings()
  const isCopied = (name: string) => after[name] === host[name]
  return {
    copied: Object.fromEntries(differing.filter(isCopied).map(name => [name, host[name]!])),
    notCopied: differing
      .filter(name => !isCopied(name))
      .map(name => `${name} = ${after[name]} here, ${host[name]} on the host`),
  }
}

function readSetting(name: string): string | undefined {
  try {
    return readSysctl(name)
  } catch {
    return undefined // no such parameter in this network, or not for us to read
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
