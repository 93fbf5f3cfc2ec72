/**
 * Runs compiled modules in a context without Buffer, process or any other part of Node.
 *
 *     node --experimental-vm-modules --import tsx bare-context.ts <module.js>
 */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import vm from 'node:vm'

interface Module {
  link(linker: (specifier: string, from: Module) => Module): Promise<void>
  evaluate(): Promise<void>
  readonly identifier: string
}
/** Behind a flag, so not in the types: https://nodejs.org/api/vm.html#class-vmsourcetextmodule */
type ModuleKind = new (source: string, options: { context: object; identifier: string }) => Module
const { SourceTextModule } = vm as unknown as { SourceTextModule: ModuleKind }

const report = (line: string) => console.log(line)
const context = vm.createContext({ TextEncoder, TextDecoder, report })
const modules = new Map<string, Module>()

function load(url: URL): Module {
  const known = modules.get(url.href)
  if (known !== undefined) return known
  const module = new SourceTextModule(readFileSync(url, 'utf8'), { context, identifier: url.href })
  modules.set(url.href, module)
  return module
}

const entry = load(pathToFileURL(process.argv[2]!))
await entry.link((specifier, from) => {
  if (!specifier.startsWith('./') && !specifier.startsWith('../')) {
    throw new Error(`${from.identifier} imports ${specifier}`)
  }
  return load(new URL(specifier, from.identifier))
})
await entry.evaluate()
