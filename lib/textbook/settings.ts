import { readFileSync } from 'node:fs'

/** Kernel parameters that many observations depend on, with what most distributions ship. */
const STOCK: Record<string, string> = {
  'net.core.somaxconn': '4096',
  'net.ipv4.ip_local_port_range': '32768 60999',
  'net.ipv4.tcp_abort_on_overflow': '0',
  'net.ipv4.tcp_congestion_control': 'cubic',
  'net.ipv4.tcp_rmem': '4096 131072 6291456',
  'net.ipv4.tcp_retries2': '15',
  'net.ipv4.tcp_sack': '1',
  'net.ipv4.tcp_syn_retries': '6',
  'net.ipv4.tcp_syncookies': '1',
  'net.ipv4.tcp_timestamps': '1',
  'net.ipv4.tcp_tw_reuse': '2',
  'net.ipv4.tcp_wmem': '4096 16384 4194304',
}

/**
 * The kernel parameters of this machine that differ from those of a stock distribution: they belong
 * beside any number. Empty where there are none to read.
 *
 * @see tcp(7), ip(7)
 */
export function unusualSettings(): string[] {
  return Object.entries(STOCK).flatMap(([name, stock]) => {
    const value = read(name)
    return value === undefined || value === stock ? [] : [`${name} = ${value} (stock: ${stock})`]
  })
}

function read(name: string): string | undefined {
  try {
    const text = readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'latin1')
    return text.trim().replaceAll(/\s+/g, ' ')
  } catch {
    return undefined
  }
}
