import { connect } from 'node:net'

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
socket.on('end', () => leave('peer has closed', 0))

let pings = 0
let heardMs = performance.now()

socket.on('connect', () => {
  heardMs = performance.now()
  look()
})
setInterval(() => setImmediate(look), 250)

function look(): void {
  if (performance.now() - heardMs >= 1500) leave('peer is gone', 3)
  socket.write(`ping ${++pings}\n`)
}

eachLine(line => {
  heardMs = performance.now()
  const [, number] = /^ping ([0-9]{1,18})$/.exec(line) ?? []
  if (number !== undefined) socket.write(`pong ${number}\n`)
})

function leave(line: string, code: number): void {
  console.log(line)
  process.exit(code)
}

function eachLine(take: (line: string) => void): void {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) take(line)
  })
}
