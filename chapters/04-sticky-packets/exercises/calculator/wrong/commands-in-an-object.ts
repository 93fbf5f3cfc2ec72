import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const NUMBER = /^-?\d{1,9}$/
const operations: Record<string, (a: bigint, b: bigint) => bigint> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
}

async function answer(request: string): Promise<string> {
  if (request.length > 100) return 'error too long'
  const [command = '', ...words] = request.split(' ')
  const operation = operations[command]
  if (!operation && command !== 'wait' && command !== 'quit') return 'error unknown command'
  const wanted = operation ? 2 : command === 'wait' ? 1 : 0
  if (words.length !== wanted) return 'error wrong number of words'
  const format = command === 'wait' ? /^\d{1,4}$/ : NUMBER
  if (!words.every(word => format.test(word))) return 'error not a number'
  if (command === 'quit') return 'bye'
  if (!operation) {
    await sleep(Number(words[0]))
    return `ok ${Number(words[0])}`
  }
  const [a, b] = [BigInt(words[0]!), BigInt(words[1]!)]
  return command === 'div' && b === 0n ? 'error division by zero' : `ok ${operation(a, b)}`
}

createServer({ allowHalfOpen: true }, socket => {
  let waiting = ''
  let last = Promise.resolve()
  socket.on('data', chunk => {
    const lines = (waiting + chunk.toString('latin1')).split('\n')
    waiting = lines.pop()!.slice(0, 101)
    for (const line of lines) {
      last = last.then(async () => {
        if (socket.writableEnded) return
        const text = await answer(line)
        if (text === 'bye') socket.end('bye\n')
        else socket.write(`${text}\n`)
      })
    }
  })
  socket.on('end', () => last.then(() => socket.end()))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
