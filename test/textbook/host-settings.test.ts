import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { ROOT } from '../../lib/catalogue/index.ts'
import { isolation } from '../../lib/kernel/isolation.ts'
import { settingsHad, unusualSettings } from '../../lib/textbook/settings.ts'

const way = isolation()
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
    const net = await lab.routed()
    lab.sysctl('net.ipv4.tcp_retries2', 6)
    const { execFileSync } = await import('node:child_process')
    const [ip, ...words] = net.in.b
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
  'copySettings names what could not be copied, with both values (needs namespaces)',
  async () => {
    const program = `
      import { copySettings } from './lib/textbook/host-settings.ts'
      console.log(JSON.stringify(copySettings({
        'net.ipv4.tcp_fin_timeout': '9', 'net.ipv4.tcp_sack': 'nonsense', 'net.ipv4.no_such': '1',
      })))`
    const { stdout } = await onHost(['net.ipv4.tcp_sack=1'], program)
    expect(JSON.parse(stdout)).toEqual({
      copied: { 'net.ipv4.tcp_fin_timeout': '9' },
      notCopied: ['net.ipv4.tcp_sack = 1 here, nonsense on the host'],
    })
  },
)

test('settingsHad names each setting once, of those experiments that ran', () => {
  const settings = { 'net.ipv4.tcp_sack': '0', 'net.ipv4.tcp_timestamps': '1' }
  const one = { settings, notCopied: ['net.ipv4.tcp_ecn = 2 here, 1 on the host'] }
  expect(settingsHad([one, one, {}])).toEqual({
    unusual: ['net.ipv4.tcp_sack = 0 (stock: 1)'],
    notCopied: one.notCopied,
  })
})
