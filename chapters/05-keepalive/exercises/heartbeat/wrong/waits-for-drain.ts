import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
await once(socket, 'connect')

let heardMs = performance.now()
let text = ''
let answers = ''
socket.setEncoding('latin1').on('data', chunk => {
  heardMs = performance.now()
  const lines = (text + chunk).split('\n')
  text = lines.pop() ?? ''
  for (const line of lines) {
    const [, number] = /^ping ([0-9]{1,18})$/.exec(line) ?? []
    if (number !== undefined) answers += `pong ${number}\n`
  }
})
socket.on('end', () => {
  if (answers !== '') socket.write(answers)
  leave('peer has closed', 0)
})

// One loop for everything: back-pressure for the pongs keeps it from looking at the clock.
for (let pings = 0, nextMs = performance.now(); ; ) {
  if (performance.now() >= nextMs) {
    answers += `ping ${++pings}\n`
    nextMs += 250
  }
  const all = answers
  answers = ''
  if (all !== '' && !socket.write(all)) await once(socket, 'drain')
  await delay(10)
  if (performance.now() - heardMs > 1600) leave('peer is gone', 3)
}

function leave(line: string, code: number): never {
  console.log(line)
  process.exit(code)
}
