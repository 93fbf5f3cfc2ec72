/** What write(2) says when the buffer fills up: seen by strace. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Results of the write calls, in order: bytes, or -1 for EAGAIN. */
  results: number[]
}

const CHUNK = 65_536

const server: HelperProgram<object> = async channel => {
  const { createServer } = await import('node:net')
  createServer({ pauseOnConnect: true }, socket => socket.on('error', () => {})).listen(
    0,
    '127.0.0.1',
    function (this: import('node:net').Server) {
      const address = this.address()
      channel.send('listening', typeof address === 'object' && address?.port)
    },
  )
}

/** Writes until the kernel takes no more, and ends. */
const PROGRAM = (port: number) => `
import { connect } from 'node:net'
const socket = connect(${port}, '127.0.0.1', () => {
  while (socket.write(Buffer.alloc(${CHUNK})));
  setImmediate(() => process.exit(0))
})`

export default experiment<Observation>({
  title: 'strace of a writer whose peer never reads',
  needs: ['linux', 'strace'],
  claims: [
    {
      id: '2.15',
      essential: true,
      statement: 'A write that is larger than the free space blocks until all of it fits.',
      verdict: 'depends',
      truth:
        'Only on a blocking socket. On the others the kernel takes what fits, says how much that was, and says EAGAIN to the next attempt. Node keeps the rest.',
      source: 'send(2), write(2)',
      example: '02/buffers',
      judge: ({ results }) => {
        const full = results.filter(bytes => bytes === CHUNK).length
        const partial = results.find(bytes => bytes > 0 && bytes < CHUNK)
        const again = results.includes(-1)
        const observed = `${full} writes of ${CHUNK}, one of ${partial ?? 'no'} bytes, then ${again ? 'EAGAIN' : 'nothing'}`
        if (!again) return { verdict: 'unclear', observed }
        return { verdict: partial !== undefined ? 'depends' : 'holds', observed }
      },
      counterexample: ({ results }) => ({
        results: results.filter(bytes => bytes === CHUNK || bytes === -1),
      }),
    },
  ],

  async run(lab, observe) {
    lab.needBuffers()
    const helper = lab.start(server, {})
    const port = (await helper.message('listening')).value as number
    // The main thread alone, which writes: the lines of several threads may be in each other's way.
    const strace = ['-qq', '-e', 'signal=none', '-s', '0', '-e', 'trace=write,writev']
    const program = [process.execPath, '--input-type=module', '-e', PROGRAM(port)]
    const { stderr } = await promisify(execFile)('strace', [...strace, ...program], {
      maxBuffer: 64 * 1024 * 1024,
    })
    // Nothing else is written in such pieces.
    const results = [...stderr.matchAll(/writev?\(\d+, .*?, (\d+)\) += (-?\d+)/g)]
      .map(([, asked, result]) => ({ asked: Number(asked), result: Number(result) }))
      .filter(({ asked }) => asked > 1000)
      .map(({ result }) => result)
    observe(`write(2) returns ${results.slice(0, 3).join(', ')} … ${results.slice(-2).join(', ')}`)
    return { results }
  },
})
