import { readSettings, type Settings } from './host-settings.ts'

/** Kernel parameters that many observations depend on, with what most distributions ship. */
const STOCK: Settings = {
  'net.core.somaxconn': '4096',
  'net.ipv4.ip_local_port_range': '32768 60999',
  'net.ipv4.tcp_abort_on_overflow': '0',
  'net.ipv4.tcp_congestion_control': 'cubic',
  'net.ipv4.tcp_ecn': '2',
  'net.ipv4.tcp_fastopen': '1',
  'net.ipv4.tcp_fin_timeout': '60',
  'net.ipv4.tcp_keepalive_intvl': '75',
  'net.ipv4.tcp_keepalive_probes': '9',
  'net.ipv4.tcp_keepalive_time': '7200',
  'net.ipv4.tcp_orphan_retries': '0',
  'net.ipv4.tcp_retries2': '15',
  'net.ipv4.tcp_rfc1337': '0',
  'net.ipv4.tcp_rmem': '4096 131072 6291456',
  'net.ipv4.tcp_sack': '1',
  'net.ipv4.tcp_syn_retries': '6',
  'net.ipv4.tcp_synack_retries': '5',
  'net.ipv4.tcp_syncookies': '1',
  'net.ipv4.tcp_timestamps': '1',
  'net.ipv4.tcp_tw_reuse': '2',
  'net.ipv4.tcp_window_scaling': '1',
  'net.ipv4.tcp_wmem': '4096 16384 4194304',
}

/**
 * The kernel parameters among these that differ from a stock distribution: they belong beside any
 * number. Give it what the experiments had; by default it reads those of this network.
 *
 * @see tcp(7), ip(7)
 */
export function unusualSettings(settings: Settings = readSettings()): string[] {
  return Object.entries(STOCK).flatMap(([name, stock]) => {
    const value = settings[name]
    return value === undefined || value === stock ? [] : [`${name} = ${value} (stock: ${stock})`]
  })
}

/** What experiments had in common, as lines to print. */
export interface SettingsUsed {
  /** What differs from a stock distribution: `net.ipv4.tcp_sack = 0 (stock: 1)`. */
  unusual: string[]
  /** The host's settings that an experiment's own network could not have. */
  notCopied: string[]
}

/** The settings that experiments really had; those of this host where none of them has run. */
export function settingsUsed(
  outcomes: Iterable<{ settings?: Settings; notCopied?: readonly string[] }>,
): SettingsUsed {
  const ran = [...outcomes].filter(({ settings }) => settings !== undefined)
  const unusual =
    ran.length === 0 ? unusualSettings() : ran.flatMap(o => unusualSettings(o.settings))
  const notCopied = ran.flatMap(outcome => outcome.notCopied ?? [])
  return { unusual: [...new Set(unusual)], notCopied: [...new Set(notCopied)] }
}
