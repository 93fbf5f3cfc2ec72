/** Whether datagrams arrive as they were sent: one by one, each whole, the empty one too. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  sent: number[]
  received: number[]
}

export default experiment<Observation>({
  title: 'datagrams of 5, 0, 1000 and 1 bytes, sent at once to a program that stands still',
  needs: ['linux'],
  claims: [
    {
      id: '3.2',
      essential: true,
      statement: 'UDP preserves the boundaries of messages.',
      verdict: 'holds',
      truth:
        'Each send is one message, also where several wait to be read. An empty datagram is a message too.',
      source: 'udp(7)',
      example: '03/boundaries',
      judge: ({ sent, received }) => ({
        verdict: sent.join() === received.join() ? 'holds' : 'wrong',
        observed: `sent ${sent.join(', ')} bytes; received ${received.join(', ')}`,
      }),
      counterexample: seen => ({ ...seen, received: [seen.sent.reduce((a, b) => a + b, 0)] }),
    },
  ],

  async run(lab, observe) {
    const helper = lab.start(async channel => {
      const { createSocket } = await import('node:dgram')
      const socket = createSocket('udp4')
      socket.on('message', message => channel.send('message', message.length))
      socket.bind(0, '127.0.0.1', () => channel.send('listening', socket.address().port))
    }, {})
    const port = (await helper.message('listening')).value as number
    await helper.pause()
    const sent = [5, 0, 1000, 1]
    const socket = createSocket('udp4')
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    for (const bytes of sent) {
      await new Promise(done => socket.send(Buffer.alloc(bytes), done))
    }
    observe(`sent ${sent.join(', ')} bytes while the receiver stood still`)
    helper.resume()
    const received: number[] = []
    for (const _ of sent) received.push((await helper.message('message')).value as number)
    observe(`it goes on, and gets messages of ${received.join(', ')} bytes`)
    socket.close()
    return { sent, received }
  },
})
