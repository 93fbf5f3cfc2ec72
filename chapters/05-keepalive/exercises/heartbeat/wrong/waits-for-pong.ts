import { connect } from 'node:net'

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
socket.on('end', () => leave('peer has closed', 0))

let pings = 0
let late: NodeJS.Timeout | undefined

function ping(): void {
  socket.write(`ping ${++pings}\n`)
  late = setTimeout(() => leave('peer is gone', 3), 1500)
}
socket.on('connect', ping)

eachLine(line => {
  if (line.startsWith('ping')) socket.write(`${line.replace('ping', 'pong')}\n`)
  if (!line.startsWith('pong')) return
  clearTimeout(late)
  setTimeout(ping, 250)
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
