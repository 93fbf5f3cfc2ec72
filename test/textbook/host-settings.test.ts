import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { isolation } from '#lib/kernel/isolation.ts'
import { settingsUsed, unusualSettings } from '#lib/textbook/unusual-settings.ts'

const way = isolation()
const hasIpv6 = existsSync('/proc/sys/net/ipv6')
const TSX = [process.execPath, '--import', 'tsx', '--input-type=module', '-e']

/** Runs a program in a network whose settings are these, as on a host that has them. */
const onHost = (settings: readonly string[], program: string) => {
  const [command = '', ...words] = [way!.command, ...way!.args]
  const shell = `ip link set lo up && sysctl -qw ${settings.map(s => `'${s}'`).join(' ')} && exec "$@"`
  return execa(command, [...words, 'sh', '-c', shell, 'sh', ...TSX, program], { cwd: ROOT })
}

const RUN = (file: string) => `
import { runExperiment } from './lib/textbook/run-experiment.ts'
const { default: experiment } = await import('${file}')
const outcome = await runExperiment({ name: 'test', file: '${file}', experiment })
console.log(JSON.stringify(outcome))`

const EXPERIMENT = `
import { experiment } from '${join(ROOT, 'lib/textbook/experiment.ts')}'
export default experiment({
  title: 'a test', needs: ['namespace'], claims: [],
  async run(lab) {
    const net = await lab.routedNetwork()
    lab.sysctl('net.ipv4.tcp_retries2', 6)
    const { execFileSync } = await import('node:child_process')
    const [ip, ...words] = net.inside.b
    const atB = execFileSync(ip, [...words, 'sysctl', '-n', 'net.ipv4.tcp_fin_timeout'], { encoding: 'utf8' })
    return [lab.sysctl('net.ipv4.tcp_fin_timeout'), lab.sysctl('net.core.somaxconn'), atB.trim()]
  },
})`

test.skipIf(way === undefined)(
  'an experiment has the settings of its host, in each of its networks, and reports them (needs namespaces)',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'socket-kit-settings-'))
    try {
      const file = join(folder, 'experiment.mts')
      writeFileSync(file, EXPERIMENT)
      const host = [
        'net.ipv4.tcp_fin_timeout=7',
        'net.core.somaxconn=99',
        'net.ipv4.tcp_syncookies=0',
      ]
      const { stdout } = await onHost(host, RUN(file))
      const { seen, settings, notCopied } = JSON.parse(stdout)
      expect(seen).toEqual(['7', '99', '7'])
      expect(settings).toMatchObject({
        'net.ipv4.tcp_fin_timeout': '7',
        'net.core.somaxconn': '99',
        'net.ipv4.tcp_syncookies': '0',
      })
      // What it set itself is not the host's.
      expect(settings['net.ipv4.tcp_retries2']).not.toBe('6')
      expect(notCopied).toEqual([])
      expect(unusualSettings(settings)).toContain('net.core.somaxconn = 99 (stock: 4096)')
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)

test.skipIf(way === undefined)(
  'readSettings reads what sockets depend on: no secret, nothing that makes a host a router (needs namespaces)',
  async () => {
    const program = `
      import { readSettings } from './lib/textbook/host-settings.ts'
      console.log(JSON.stringify(readSettings()))`
    const set = {
      'net.core.somaxconn': '99',
      'net.ipv4.tcp_fin_timeout': '9',
      'net.ipv4.ip_local_port_range': '20000 30000',
      'net.ipv4.udp_rmem_min': '5000',
      'net.ipv4.icmp_ratelimit': '2000',
    }
    const six = [
      'net.ipv6.bindv6only',
      'net.ipv6.conf.all.disable_ipv6',
      'net.ipv6.conf.default.disable_ipv6',
      'net.ipv6.conf.lo.disable_ipv6',
    ]
    // A kernel without IPv6 has none of them.
    const values = Object.fromEntries(hasIpv6 ? six.map(name => [name, '1']) : [])
    const key = 'net.ipv4.tcp_fastopen_key'
    const others = [`${key}=1-2-3-4`, 'net.ipv4.ip_forward=1']
    const words = Object.entries({ ...set, ...values }).map(([name, value]) => `${name}=${value}`)
    const { stdout } = await onHost([...words, ...others], program)
    const settings = JSON.parse(stdout)
    // The kernel prints a tab between two numbers.
    expect(settings).toMatchObject({ ...set, ...values })
    expect(Object.keys(settings).filter(name => /forward|key|available/.test(name))).toEqual([])
  },
)

test.skipIf(way === undefined)(
  'copySettings copies what differs, and names what could not be copied, with both values (needs namespaces)',
  async () => {
    const program = `
      import { copySettings, readSettings } from './lib/textbook/host-settings.ts'
      const result = copySettings({
        'net.ipv4.tcp_fin_timeout': '9', 'net.ipv4.tcp_sack': 'nonsense', 'net.ipv4.no_such': '1',
        'net.ipv4.tcp_timestamps': '1', 'net.ipv4.tcp_rmem': '4096 9999 99999',
      })
      const { 'net.ipv4.tcp_fin_timeout': finTimeout, 'net.ipv4.tcp_rmem': rmem } = readSettings()
      console.log(JSON.stringify({ ...result, now: [finTimeout, rmem] }))`
    const { stdout } = await onHost(['net.ipv4.tcp_sack=1', 'net.ipv4.tcp_timestamps=1'], program)
    expect(JSON.parse(stdout)).toEqual({
      copied: { 'net.ipv4.tcp_fin_timeout': '9', 'net.ipv4.tcp_rmem': '4096 9999 99999' },
      notCopied: ['net.ipv4.tcp_sack = 1 here, nonsense on the host'],
      now: ['9', '4096 9999 99999'],
    })
  },
)

test('settingsHad names each setting once, of those experiments that ran', () => {
  const settings = { 'net.ipv4.tcp_sack': '0', 'net.ipv4.tcp_timestamps': '1' }
  const one = { settings, notCopied: ['net.ipv4.tcp_ecn = 2 here, 1 on the host'] }
  expect(settingsUsed([one, one, {}])).toEqual({
    unusual: ['net.ipv4.tcp_sack = 0 (stock: 1)'],
    notCopied: one.notCopied,
  })
})
