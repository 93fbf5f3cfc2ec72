import { readFileSync } from 'node:fs'

/** The file of a kernel parameter: `net.ipv4.tcp_sack` is in `/proc/sys/net/ipv4/tcp_sack`. */
export const sysctlFile = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`

/**
 * Reads a kernel parameter, its words with one space between them.
 *
 * @throws {Error} `ENOENT` where the kernel, or this network, has no such parameter; `EACCES` where it
 *   is not for us to read.
 * @see proc(5), "/proc/sys"
 */
export function readSysctl(name: string): string {
  return readFileSync(sysctlFile(name), 'latin1').trim().replaceAll(/\s+/g, ' ')
}
