// The registers between a PE and its eastern or southern neighbour: a word, and the bits that ride with it.
module hop #(
    parameter WIDTH = 8,
    parameter BITS = 1
) (
    input clk,
    input en,
    input rst,
    input [WIDTH-1:0] word,
    input [BITS-1:0] bits,
    output reg [WIDTH-1:0] word_out,
    output reg [BITS-1:0] bits_out
);
    always @(posedge clk)
        if (rst) bits_out <= {BITS{1'b0}};
        else if (en) begin
            word_out <= word;
            bits_out <= bits;
        end
endmodule
