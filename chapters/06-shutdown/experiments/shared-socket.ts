/** A socket that a child process shares: closed, and shut down, by the parent. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Case {
  /** The shared end when the parent has done its part, and the child still lives. */
  state: string
  owned: boolean
  /** Whether the peer had seen the end by then. */
  peerEnded: boolean
  /** Whether the peer has seen it after the child has gone. */
  peerEndedAfter: boolean
}

interface Observation {
  close: Case
  shutdown: Case
}

const words = ({ state, peerEnded, peerEndedAfter }: Case) =>
  `${state}, the peer has ${peerEnded ? 'seen the FIN' : 'seen no FIN'}; when the child has gone: ${peerEndedAfter ? 'FIN' : 'no FIN'}`

export default experiment<Observation>({
  title: 'a parent closes, or shuts down, a socket that its child shares',
  needs: ['linux'],
  claims: [
    {
      id: '6.9',
      essential: true,
      statement: 'close only takes one reference away; the FIN goes out when none is left.',
      verdict: 'holds',
      truth:
        'A child that has inherited the socket, knowingly or not, keeps the connection open, and the peer waits for an end that does not come.',
      source: 'close(2)',
      example: '06/shared-socket',
      judge: ({ close }) => {
        const kept = close.state === 'ESTABLISHED' && close.owned && !close.peerEnded
        return { verdict: kept && close.peerEndedAfter ? 'holds' : 'wrong', observed: words(close) }
      },
      counterexample: seen => ({ ...seen, close: seen.shutdown }),
    },
    {
      id: '6.10',
      essential: true,
      statement: 'shutdown acts at once, however many processes share the socket.',
      verdict: 'holds',
      truth: 'It acts on the connection, not on a descriptor: the FIN goes out at once.',
      source: 'shutdown(2)',
      example: '06/shared-socket',
      judge: ({ shutdown }) => ({
        verdict: shutdown.peerEnded && shutdown.owned ? 'holds' : 'wrong',
        observed: words(shutdown),
      }),
      counterexample: seen => ({ ...seen, shutdown: seen.close }),
    },
  ],

  async run(lab, observe) {
    const share = async (how: 'close' | 'shutdown'): Promise<Case> => {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume()
      client.on('error', () => {})
      let ended = false
      client.on('end', () => {
        ended = true
      })
      const [socket]: Socket[] = await once(server, 'connection')
      socket!.on('error', () => {})
      // Lives until its standard input ends.
      const child: ChildProcess = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
        stdio: ['pipe', 'ignore', 'ignore', socket!],
      })
      await once(child, 'spawn')
      const sent = ['FIN-WAIT-1', 'FIN-WAIT-2']
      const row = () => lab.tcpTable(port).find(r => r.localPort === port && r.state !== 'LISTEN')
      if (how === 'close') {
        socket!.destroy()
        await once(socket!, 'close')
      } else {
        socket!.end()
        await lab.waitUntil('the FIN is sent', () => sent.includes(row()?.state ?? ''))
        await lab.waitUntil('the peer has seen it', () => ended)
      }
      const { state = 'none', inode = 0 } = row() ?? {}
      const before = ended
      child.stdin!.end()
      await once(child, 'exit')
      await lab.waitUntil('the peer has seen the end', () => ended)
      client.destroy()
      socket!.destroy()
      server.close()
      const seen = { state, owned: inode !== 0, peerEnded: before, peerEndedAfter: ended }
      observe(`${how}: ${words(seen)}`)
      return seen
    }
    return { close: await share('close'), shutdown: await share('shutdown') }
  },
})
