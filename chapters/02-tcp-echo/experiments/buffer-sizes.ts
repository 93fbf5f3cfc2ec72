/** How large socket buffers are, and when they take memory. */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Limits of an idle connection, as ss shows them, and the memory in use: bytes. */
  receiveLimit: number
  sendLimit: number
  receiveUsed: number
  sendUsed: number
  /** What the kernel starts with: tcp_wmem and tcp_rmem, the middle one of three. */
  initialSend: number
  initialReceive: number
  udp: { receive: number; send: number }
  /** The congestion control, which decides how much room a connection gets for sending. */
  congestion: string
}

export default experiment<Observation>({
  title: 'the buffers of an idle connection',
  needs: ['linux', 'ss'],
  claims: [
    {
      id: '2.12',
      essential: true,
      statement: 'The default size of a socket’s buffers is about 8 KB.',
      verdict: 'outdated',
      appliesTo: 'Linux since 2.4',
      truth:
        'It was, decades ago. Linux starts with 16 KiB for sending and 128 KiB for receiving, and lets both grow to megabytes with the connection. How fast the send buffer grows depends on the congestion control: with bbr it gets half as much again as with cubic.',
      source: 'tcp(7), tcp_rmem and tcp_wmem; socket(7)',
      example: '02/buffers',
      judge: ({ receiveLimit, sendLimit, initialSend, initialReceive, udp, congestion }) => ({
        verdict: Math.min(receiveLimit, sendLimit, initialSend) > 8192 ? 'outdated' : 'holds',
        observed: `TCP starts with ${initialSend} to send and ${initialReceive} to receive; connected, with ${congestion}, ${sendLimit} and ${receiveLimit}; UDP ${udp.send} and ${udp.receive}`,
      }),
      counterexample: seen => ({ ...seen, receiveLimit: 8192, sendLimit: 8192 }),
    },
    {
      id: '2.13',
      essential: false,
      statement: 'With every socket, two buffers are created.',
      verdict: 'depends',
      truth:
        'Every socket has two limits. Memory is taken when bytes are there to be kept, so that a million idle connections need few buffers.',
      source: 'socket(7), tcp(7)',
      judge: ({ receiveUsed, sendUsed, receiveLimit, sendLimit }) => ({
        verdict: receiveUsed === 0 && sendUsed === 0 ? 'depends' : 'holds',
        observed: `idle: ${receiveUsed} of ${receiveLimit} bytes used for receiving, ${sendUsed} of ${sendLimit} for sending`,
      }),
      counterexample: seen => ({ ...seen, receiveUsed: seen.receiveLimit }),
    },
  ],

  async run(lab, observe) {
    const server = createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = connect({ port, host: '127.0.0.1' })
    client.on('error', () => {})
    await once(client, 'connect')
    const [socket] = await lab.statistics(['dport', '=', `:${port}`])
    const { r = 0, rb = 0, t = 0, tb = 0 } = socket?.memory ?? {}
    observe(`ss: receive ${r} of ${rb}, send ${t} of ${tb} bytes`)
    client.destroy()
    server.close()
    const middle = (name: string) => Number(lab.sysctl(name).split(' ')[1])
    const udp = createSocket('udp4').bind(0, '127.0.0.1')
    await once(udp, 'listening')
    const sizes = { receive: udp.getRecvBufferSize(), send: udp.getSendBufferSize() }
    udp.close()
    observe(`UDP: receive ${sizes.receive}, send ${sizes.send} bytes`)
    return {
      receiveLimit: rb,
      sendLimit: tb,
      receiveUsed: r,
      sendUsed: t,
      initialSend: middle('net.ipv4.tcp_wmem'),
      initialReceive: middle('net.ipv4.tcp_rmem'),
      udp: sizes,
      congestion: lab.sysctl('net.ipv4.tcp_congestion_control'),
    }
  },
})
