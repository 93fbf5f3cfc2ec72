/** Requests of node:http with its own defaults, and the cost of a connection for each of them. */
import { once } from 'node:events'
import { Agent, type ClientRequest, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Way {
  connections: number
  ms: number
  /** The part of it in which a processor worked for the client, the server or their kernel. */
  workMs: number
  /** Sockets that were in TIME-WAIT afterwards and not before, by the end at which they are. */
  timeWait: { server: number; client: number }
}

interface Observation {
  /** `http.get` without an agent of one's own: `request.reusedSocket`, and the local ports. */
  reused: boolean[]
  ports: number
  requests: number
  kept: Way
  short: Way
}

const REQUESTS = 500

const words = ({ connections, ms, workMs, timeWait }: Way) =>
  `${connections} connections, ${ms.toFixed(0)} ms (work: ${workMs.toFixed(0)} ms), TIME-WAIT: ${timeWait.server} at the server, ${timeWait.client} at the client`

export default experiment<Observation>({
  title: `three requests by default, and ${REQUESTS} with and without reuse`,
  needs: ['linux'],
  claims: [
    {
      id: '5.12',
      essential: true,
      statement: 'With HTTP, the TCP connection is released after the response.',
      verdict: 'outdated',
      appliesTo: 'HTTP/1.1, since RFC 2068 (1997)',
      truth:
        'That was HTTP/1.0. Since HTTP/1.1 connections stay, and since Node 19 its client uses them again.',
      source: 'RFC 9112 section 9.3',
      example: '05/http-keepalive',
      judge: ({ reused, ports }) => ({
        verdict: reused.slice(1).every(Boolean) && ports === 1 ? 'outdated' : 'holds',
        observed: `three requests: reused ${reused.join(', ')}; ${ports} local ports`,
      }),
      counterexample: seen => ({ ...seen, reused: [false, false, false], ports: 3 }),
    },
    {
      id: '5.15',
      essential: true,
      statement: 'A connection that is used again saves the cost of making and ending one.',
      verdict: 'holds',
      truth:
        'Time, and sockets: each short connection leaves one in TIME-WAIT, at the end that closed first.',
      source: 'RFC 9112 section 9.3',
      example: '05/http-keepalive',
      judge: ({ requests, kept, short }) => {
        const observed = `${requests} requests: ${words(kept)}; without reuse: ${words(short)}; ratio of the work ${(short.workMs / kept.workMs).toFixed(1)}`
        // Not by the clock: what else runs on this machine is none of our business.
        const saves = kept.connections === 1 && kept.workMs < short.workMs
        return { verdict: saves ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, kept: { ...seen.kept, workMs: seen.short.workMs * 2 } }),
    },
  ],

  async run(lab, observe) {
    let connections = 0
    const server = createServer((_, response) => response.end('ok'))
    server.on('connection', () => connections++)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const ask = async (agent?: Agent): Promise<ClientRequest> => {
      const request = get({ port, host: '127.0.0.1', ...(agent && { agent }) })
      const [response] = await once(request, 'response')
      await once(response.resume(), 'end')
      return request
    }
    const reused: boolean[] = []
    const ports = new Set<number | undefined>()
    for (let n = 0; n < 3; n++) {
      const request = await ask()
      ports.add(request.socket?.localPort)
      reused.push(request.reusedSocket)
    }
    observe(`three times http.get: reused ${reused.join(', ')}`)

    const waiting = () => {
      const rows = lab.tcpTable(port).filter(row => row.state === 'TIME-WAIT')
      const server = rows.filter(row => row.localPort === port).length
      return { server, client: rows.length - server }
    }
    const way = async (keepAlive: boolean): Promise<Way> => {
      const agent = new Agent({ keepAlive })
      const before = waiting()
      connections = 0
      const [startMs, startCpu] = [monotonicMs(), process.cpuUsage()]
      for (let n = 0; n < REQUESTS; n++) await ask(agent)
      const [ms, cpu] = [monotonicMs() - startMs, process.cpuUsage(startCpu)]
      const workMs = (cpu.user + cpu.system) / 1000
      const after = waiting()
      const timeWait = {
        server: after.server - before.server,
        client: after.client - before.client,
      }
      const result = { connections, ms, workMs, timeWait }
      agent.destroy()
      observe(`${keepAlive ? 'with' : 'without'} reuse: ${words(result)}`)
      return result
    }
    // A fresh program is slow: nothing counts that was measured before it had its practice.
    await way(true)
    const short = await way(false)
    const kept = await way(true)
    return { reused, ports: ports.size, requests: REQUESTS, kept, short }
  },
})
