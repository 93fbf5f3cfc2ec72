/** How Node creates its sockets, seen by strace. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** The calls on sockets that a server and a client in one process make, as strace shows them. */
  calls: string[]
}

const PROGRAM = `
import { connect, createServer } from 'node:net'
const server = createServer(socket => socket.end()).listen(0, '127.0.0.1', () => {
  connect(server.address().port, '127.0.0.1').resume().on('close', () => server.close())
})`
const CALLS = 'trace=socket,connect,accept,accept4,getsockopt,setsockopt,listen'

export default experiment<Observation>({
  title: 'strace of a server and a client',
  needs: ['linux', 'strace'],
  claims: [
    {
      id: '1.29',
      essential: false,
      statement: 'Sockets block: connect waits for the handshake, accept for a client.',
      verdict: 'depends',
      truth:
        'They do by default. Node opens each of them with SOCK_NONBLOCK: connect returns EINPROGRESS at once, and the event loop fetches the result later.',
      source: 'socket(2), connect(2), accept(2)',
      judge: ({ calls }) => {
        const tcp = calls.filter(call => /^(socket\(AF_INET|accept)/.test(call))
        const plain = tcp.filter(call => !call.includes('SOCK_NONBLOCK')).length
        const connect = calls.find(call => call.startsWith('connect(')) ?? 'no connect'
        const observed = `${tcp.length} sockets, ${plain} of them blocking; connect: ${/= -1 (E\w+)/.exec(connect)?.[1] ?? connect}`
        if (tcp.length < 3) return { verdict: 'unclear', observed }
        return {
          verdict: plain === 0 && connect.includes('EINPROGRESS') ? 'depends' : 'holds',
          observed,
        }
      },
      counterexample: ({ calls }) => ({
        calls: calls.map(call => call.replace('SOCK_NONBLOCK', '0')),
      }),
    },
  ],

  async run(_lab, observe) {
    const args = ['-f', '-qq', '-e', 'signal=none', '-e', CALLS, process.execPath]
    const program = ['--input-type=module', '-e', PROGRAM]
    const { stderr } = await promisify(execFile)('strace', [...args, ...program])
    const calls = stderr
      .split('\n')
      .map(line => line.replace(/^(\[pid +)?\d*\]? */, '').trim())
      .filter(line =>
        /^(socket\(AF_INET,|connect\(\d+, \{sa_family=AF_INET,|accept4?\(\d+, NULL|getsockopt\(\d+, SOL_SOCKET, SO_ERROR)/.test(
          line,
        ),
      )
      // A server asks again until nobody is left.
      .filter(line => !(line.startsWith('accept') && line.includes('EAGAIN')))
    for (const call of calls) observe(call)
    return { calls }
  },
})
