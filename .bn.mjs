import { build } from "esbuild"; import fs from "node:fs";
const src=fs.readFileSync("src/build/bundle.ts","utf8");
const id=process.argv[2]==="ids";
fs.rmSync("/tmp/net-q/R/usr/lib/k3os",{recursive:true,force:true});
await build({absWorkingDir:process.cwd(),entryPoints:{k3os:"src/node/main.ts"},outdir:"/tmp/net-q/R/usr/lib/k3os",splitting:true,chunkNames:"part-[hash]",bundle:true,write:true,format:"esm",platform:"neutral",mainFields:["module","main"],alias:{"qjs:std":"std","qjs:os":"os"},external:["std","os"],target:"es2023",minifyWhitespace:true,minifySyntax:true,minifyIdentifiers:id,legalComments:"none"});
