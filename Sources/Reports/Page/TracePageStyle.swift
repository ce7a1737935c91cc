/// The style sheet of a trace's page. Nothing is told by colour alone; the hues are those of the pictures.
let tracePageStyle = """
    :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--quiet:#57606a;--line:#c9d1d9;--card:#f6f8fa;
    --way:#0072b2;--good:#00694e;--bad:#b3400a;--doubtful:#7a5c00;--changed:#a84f80;--changed-card:#f7e3ee;
    --bad-card:#fde4d8;--good-card:#d9f2e8;--doubtful-card:#fdf0d5}
    @media screen and (prefers-color-scheme:dark){:root{--paper:#0d1117;--ink:#e6edf3;--quiet:#a2acb6;--line:#3d444d;
    --card:#151b23;--way:#56a5dc;--good:#2fbf94;--bad:#ff9d6e;--doubtful:#e3b341;--changed:#dd94b8;
    --changed-card:#402036;--bad-card:#4a1e0b;--good-card:#0b3528;--doubtful-card:#3f2e0a}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,"Segoe UI",Helvetica,Arial,sans-serif}
    main{max-width:64rem;margin:0 auto;padding:1rem}
    h1{font-size:1.35rem;line-height:1.3;overflow-wrap:anywhere;margin:.5rem 0 1rem}
    h2{font-size:1.15rem;margin:1.5rem 0 .5rem}
    h3,h4,h5,h6{font-size:1rem;margin:.25rem 0;overflow-wrap:anywhere}
    p{margin:.4rem 0;overflow-wrap:anywhere}
    ul,ol{margin:.25rem 0;padding-left:1.25rem}
    li{overflow-wrap:anywhere}
    code,pre{font:.875rem/1.5 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
    pre{margin:.4rem 0;padding:.5rem .75rem;background:var(--card);border:1px solid var(--line);border-radius:.4rem;
    white-space:pre-wrap}
    table{border-collapse:collapse}
    td{padding:.1rem .75rem .1rem 0;vertical-align:top;overflow-wrap:anywhere}
    .in{padding-left:1rem}
    .gap{height:.5rem}
    .quiet{color:var(--quiet)}
    .good{color:var(--good)}
    .bad{color:var(--bad)}
    .doubtful{color:var(--doubtful)}
    .changed{color:var(--changed);font-weight:600}
    .way{list-style:none;padding:0;margin:.5rem 0}
    .way>li{position:relative;border:1px solid var(--line);border-left:4px solid var(--line);
    background:var(--card);padding:.4rem .75rem;margin:0 0 1.1rem;border-radius:0 .4rem .4rem 0}
    .way>li:not(:last-child)::after{content:"";position:absolute;left:-4px;bottom:-1.2rem;height:1.2rem;
    border-left:4px solid var(--way)}
    .way>.packet,.way>.between{border-color:transparent;border-left-color:var(--way);background:none}
    .way>.packet{font-weight:600}
    .way>.hook{border-left-color:var(--way)}
    .way>.delivered{border-color:var(--good);background:var(--good-card)}
    .way>.lost{border-color:var(--bad);background:var(--bad-card)}
    .way>.unsettled{border-color:var(--doubtful);background:var(--doubtful-card)}
    .lines{list-style:none;padding:0;margin:.2rem 0}
    .lines>li{padding:.1rem .35rem;border-radius:.25rem}
    .d2{margin-left:1rem}.d3{margin-left:2rem}.d4{margin-left:3rem}.d5{margin-left:4rem}.d6{margin-left:5rem}
    .d7{margin-left:6rem}.d8{margin-left:7rem}.d9{margin-left:8rem}
    .decides{outline:2px solid currentColor;outline-offset:-1px;background:var(--paper)}
    .mark{font-size:.75rem;font-weight:700;text-transform:uppercase;letter-spacing:.04em;white-space:nowrap}
    .now{display:inline-block;margin:.3rem 0 .1rem;padding:.1rem .5rem;border-radius:.4rem;background:var(--changed-card)}
    .branch{border-left:4px double var(--doubtful);padding:.1rem 0 .1rem .75rem;margin:.5rem 0 1rem}
    @media (max-width:40rem){main{padding:.75rem}.in{padding-left:.25rem}
    .d2{margin-left:.35rem}.d3{margin-left:.7rem}.d4{margin-left:1.05rem}.d5{margin-left:1.4rem}.d6{margin-left:1.75rem}
    .d7{margin-left:2.1rem}.d8{margin-left:2.45rem}.d9{margin-left:2.8rem}.way>li{padding:.3rem .5rem}
    code,pre{font-size:.8rem}}
    @media print{body{font-size:10pt}main{max-width:none;padding:0}.way>li,.branch{break-inside:avoid}}

    """
