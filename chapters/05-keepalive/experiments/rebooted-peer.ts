/** A peer that forgets a connection while nothing comes through, and is back: as after a reboot. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Flags of the segments after the reboot: the client's, and what came back. */
  segments: string[]
  code: string
  /** From the moment at which keepalive was switched on. */
  afterS: number
}

const server: HelperProgram<{ host: string }> = async (channel, { host }) => {
  const { createServer } = await import('node:net')
  createServer(() => {}).listen(7000, host, () => channel.send('listening'))
}

export default experiment<Observation>({
  title: 'keepalive after 2 s, and a peer that has forgotten the connection by then',
  needs: ['namespace', 'nft', 'tcpdump', 'ss', 'ss -K'],
  claims: [
    {
      id: '5.10',
      essential: false,
      statement: 'When the peer was rebooted meanwhile, it answers the probe with a RST.',
      verdict: 'holds',
      truth:
        'It knows of no such connection. So the first probe is enough to detect that, and no further one is sent.',
      source: 'RFC 9293 section 3.5.1, RFC 1122 section 4.2.3.6',
      judge: ({ segments, code, afterS }) => {
        const observed = `[${segments.join('] [')}], ${code} after ${afterS.toFixed(2)} s`
        const reset = segments.some(flags => flags.includes('R')) && code === 'ECONNRESET'
        return { verdict: reset ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, segments: ['.'], code: 'ETIMEDOUT' }),
    },
  ],

  async run(lab, observe) {
    const net = await lab.routedNetwork()
    const helper = lab.start(server, { host: net.b }, net.inside.b)
    await helper.message('listening')
    const client = connect(7000, net.b)
    await once(client, 'connect')
    await lab.waitUntil('the server has accepted', () =>
      lab.tcpTable(7000, helper.pid).some(row => row.state === 'ESTABLISHED' && row.inode !== 0),
    )
    const cut = await lab.drop('tcp dport 7000', net.inside.router, 'forward')
    const back = await lab.drop('tcp sport 7000', net.inside.router, 'forward')
    observe('the line is cut')
    await helper.kill()
    const [ip = '', ...words] = net.inside.b
    execFileSync(ip, [...words, 'ss', '-K', 'sport', '=', ':7000'])
    execFileSync(ip, [...words, 'ss', '-K', 'sport', '=', ':7000'])
    await lab.waitUntil('the peer has forgotten', () => {
      const table = execFileSync(ip, [...words, 'ss', '-tanH', 'sport', '=', ':7000'])
      return table.length === 0
    })
    observe('the peer knows nothing of the connection any more')
    await cut.lift()
    await back.lift()
    const on = { interface: net.interface, marker: net.b }
    const capture = await lab.capture('tcp port 7000', on)
    observe('the line is repaired')
    const startMs = monotonicMs()
    client.setKeepAlive(true, 2000)
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
    const afterS = (monotonicMs() - startMs) / 1000
    observe(`${error.code} after ${afterS.toFixed(2)} s`)
    const segments = (await capture.stop()).map(({ flags }) => flags)
    return { segments, code: error.code ?? '', afterS }
  },
})
