// Delay lines in front of the edge ports: port p has p registers in series, so port 0 has none.
module skew #(
    parameter PORTS = 1,
    parameter WIDTH = 1
) (
    input clk,
    input en,
    input rst,
    input [PORTS*WIDTH-1:0] in,
    output [PORTS*WIDTH-1:0] out
);
    genvar p;
    generate
        for (p = 0; p < PORTS; p = p + 1) begin : port
            wire [WIDTH-1:0] entering = in[p*WIDTH +: WIDTH];
            if (p == 0) begin : direct
                assign out[p*WIDTH +: WIDTH] = entering;
            end else begin : delayed
                reg [p*WIDTH-1:0] line;  // newest entry at the low end
                wire [(p+1)*WIDTH-1:0] shifted = {line, entering};
                always @(posedge clk)
                    if (rst) line <= {p*WIDTH{1'b0}};
                    else if (en) line <= shifted[p*WIDTH-1:0];
                assign out[p*WIDTH +: WIDTH] = line[p*WIDTH-1 -: WIDTH];
            end
        end
    endgenerate
endmodule
