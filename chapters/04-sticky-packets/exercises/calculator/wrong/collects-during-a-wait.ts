import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const NUMBER = /^-?\d{1,9}$/
const WORDS = new Map([
  ['add', 2],
  ['sub', 2],
  ['mul', 2],
  ['div', 2],
  ['wait', 1],
  ['quit', 0],
])

async function answer(request: string): Promise<string> {
  if (request.length > 100) return 'error too long'
  const [command = '', ...words] = request.split(' ')
  if (!WORDS.has(command)) return 'error unknown command'
  if (words.length !== WORDS.get(command)) return 'error wrong number of words'
  const format = command === 'wait' ? /^\d{1,4}$/ : NUMBER
  if (!words.every(word => format.test(word))) return 'error not a number'
  if (command === 'quit') return 'bye'
  if (command === 'wait') {
    await sleep(Number(words[0]))
    return `ok ${Number(words[0])}`
  }
  const [a, b] = [BigInt(words[0]!), BigInt(words[1]!)]
  if (command === 'add') return `ok ${a + b}`
  if (command === 'sub') return `ok ${a - b}`
  if (command === 'mul') return `ok ${a * b}`
  return b === 0n ? 'error division by zero' : `ok ${a / b}`
}

createServer({ allowHalfOpen: true }, socket => {
  let waiting = ''
  // What comes while a request is being answered.
  let unread: Buffer[] = []
  let busy = 0
  let last = Promise.resolve()
  const read = (chunk: Buffer) => {
    const lines = (waiting + chunk.toString('latin1')).split('\n')
    waiting = lines.pop()!.slice(0, 101)
    for (const line of lines) {
      busy++
      last = last.then(async () => {
        if (socket.writableEnded) return
        const text = await answer(line)
        if (text === 'bye') socket.end('bye\n')
        else socket.write(`${text}\n`)
        if (--busy > 0) return
        const chunk = Buffer.concat(unread)
        unread = []
        read(chunk)
      })
    }
  }
  socket.on('data', chunk => {
    if (busy > 0) unread.push(chunk)
    else read(chunk)
  })
  socket.on('end', () => last.then(() => socket.end()))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
