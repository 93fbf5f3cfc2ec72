/** The kernel's keepalive timer without a wish, with the plain wish, and under HTTP connections. */
import { once } from 'node:events'
import { Agent, createServer as createHttpServer, get } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { describeTimer, type Ports, readTcpTimer, type TcpTimer } from '#lib/kernel/tcp-timer.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  unasked: TcpTimer
  asked: TcpTimer
  /** `net.ipv4.tcp_keepalive_time` and `_intvl`, in seconds. */
  sysctl: { time: number; interval: number }
  /** One HTTP/1.1 connection on a plain socket: how many requests it served, and its timer. */
  http: { served: number; timer: TcpTimer }
  /** An HTTP/1.0 connection with TCP keepalive on: whether the server closed it all the same. */
  tcpOnly: { timer: TcpTimer; closed: boolean }
  /** An unused connection of `http.Agent({ keepAlive: true })`. */
  agent: TcpTimer
}

const HOUR = 3600

export default experiment<Observation>({
  title: 'idle connections: as they are, after setKeepAlive(true), and under HTTP',
  needs: ['linux'],
  claims: [
    {
      id: '5.1',
      essential: true,
      statement:
        'HTTP keep-alive is the application using a connection again; TCP keepalive is the kernel probing an idle one.',
      verdict: 'holds',
      truth:
        'Each works without the other. They are easily confused because Node’s Agent also switches on TCP keepalive for the connections that it keeps.',
      source: 'RFC 9112 section 9.3, RFC 9293 section 3.8.4',
      example: '05/http-keepalive',
      judge: ({ http, tcpOnly, agent }) => {
        const closed = tcpOnly.closed ? 'closed all the same' : 'kept'
        const observed = `${http.served} requests on one connection, ${describeTimer(http.timer)}; HTTP/1.0 with TCP keepalive: ${closed}; waiting in an Agent: ${describeTimer(agent)}`
        const apart = http.served > 1 && http.timer.kind === 'none' && tcpOnly.closed
        return { verdict: apart ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, tcpOnly: { ...seen.tcpOnly, closed: false } }),
    },
    {
      id: '5.2',
      essential: true,
      statement: 'TCP has a keepalive timer, so a server notices that a client is dead.',
      verdict: 'wrong',
      appliesTo: 'RFC 1122 section 4.2.3.6 and RFC 9293 section 3.8.4',
      truth:
        'It is off unless the program asks for it. Without it, an idle connection has no timer.',
      source: 'RFC 9293 section 3.8.4, socket(7)',
      example: '05/tcp-keepalive',
      judge: ({ unasked, asked }) => {
        const observed = `unasked: ${describeTimer(unasked)}; after setKeepAlive(true): ${describeTimer(asked)}`
        if (asked.kind !== 'keepalive') return { verdict: 'unclear', observed }
        return { verdict: unasked.kind === 'none' ? 'wrong' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, unasked: seen.asked }),
    },
    {
      id: '5.3',
      essential: true,
      statement:
        'The first probe is sent after two hours of silence, the next ones every 75 seconds.',
      verdict: 'holds',
      truth: 'That is the kernel’s default, for sockets that have keepalive on and set no times.',
      source: 'tcp(7), tcp_keepalive_time and tcp_keepalive_intvl; RFC 9293 section 3.8.4',
      example: '05/tcp-keepalive',
      judge: ({ asked, sysctl: { time, interval } }) => {
        const observed = `${describeTimer(asked)}; parameters: ${time} s, then every ${interval} s`
        const near = Math.abs(asked.inS - time) < 60
        if (!near) return { verdict: 'unclear', observed }
        return { verdict: time === 2 * HOUR && interval === 75 ? 'holds' : 'depends', observed }
      },
      counterexample: seen => ({
        ...seen,
        asked: { ...seen.asked, inS: 600 },
        sysctl: { time: 600, interval: 60 },
      }),
    },
  ],

  async run(lab, observe) {
    const listen = async (server: Server) => {
      await once(server.listen(0, '127.0.0.1'), 'listening')
      return (server.address() as AddressInfo).port
    }
    const open = async (port: number): Promise<Socket> => {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      await once(socket, 'connect')
      return socket
    }
    const timerOf = (ports: Ports): TcpTimer =>
      readTcpTimer(ports) ?? { kind: 'none', inS: 0, unanswered: 0 }

    const plain = await open(await listen(createServer(socket => socket.on('error', () => {}))))
    const unasked = timerOf(plain)
    observe(`an idle connection: ${describeTimer(unasked)}`)
    plain.setKeepAlive(true)
    const asked = timerOf(plain)
    observe(`after setKeepAlive(true): ${describeTimer(asked)}`)

    const port = await listen(createHttpServer((_, response) => response.end('ok')))
    const socket = await open(port)
    let served = 0
    for (let n = 0; n < 3; n++) {
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await once(socket, 'data')
      served++
    }
    const http = { served, timer: timerOf(socket) }
    observe(`HTTP/1.1: ${served} requests on one connection, ${describeTimer(http.timer)}`)

    const old = await open(port)
    old.setKeepAlive(true, 1000)
    const timer = timerOf(old)
    old.write('GET / HTTP/1.0\r\n\r\n')
    await once(old, 'data')
    // Whoever has kept it answers once more.
    old.write('GET / HTTP/1.0\r\n\r\n')
    const closed = await new Promise<boolean>(resolve => {
      old.once('close', () => resolve(true)).once('data', () => resolve(false))
    })
    old.destroy()
    observe(`HTTP/1.0, ${describeTimer(timer)}: ${closed ? 'closed' : 'kept'} after the response`)

    const waiting = new Agent({ keepAlive: true })
    const request = get({ port, host: '127.0.0.1', agent: waiting })
    const [response] = await once(request, 'response')
    const { localPort, remotePort } = response.socket
    await once(response.resume(), 'end')
    const agent = await lab.waitUntil('the agent has its connection back', () => {
      const now = timerOf({ localPort, remotePort })
      return now.kind === 'keepalive' && now
    })
    observe(`a connection that waits in an Agent: ${describeTimer(agent)}`)
    const number = (name: string) => Number(lab.sysctl(`net.ipv4.tcp_keepalive_${name}`))
    const sysctl = { time: number('time'), interval: number('intvl') }
    return { unasked, asked, sysctl, http, tcpOnly: { timer, closed }, agent }
  },
})
