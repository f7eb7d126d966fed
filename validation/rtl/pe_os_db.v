// PE of `os-db`: an accumulator, and a drain register that is the chain. On swap the chain takes the accumulators
// (the last row's is already on the port), which restart with this cycle's product.
module pe_os_db #(
    parameter WORD = 8,
    parameter SUM = 32
) (
    input clk,
    input en,
    input rst,
    input signed [WORD-1:0] a,  // row operand, from the west
    input a_valid,
    input last,  // bits that ride with the row operand: the fold's last step,
    input sh,    // this wave moves the chain,
    input sel,   // the accumulator that the MAC uses
    input signed [WORD-1:0] b,  // column operand, from the north
    input b_valid,
    input shift,  // strobes of the column: move the chain,
    input swap,   // take the accumulators into it
    input signed [SUM-1:0] chain,  // from the northern PE
    input chain_valid,
    output signed [SUM-1:0] chain_out,
    output chain_valid_out,
    output signed [SUM-1:0] result,  // what the PE offers the output port in this cycle
    output result_valid
);
    reg signed [SUM-1:0] acc, drain;
    reg acc_valid, drain_valid;
    wire mac = a_valid && b_valid;
    wire signed [SUM-1:0] product = a * b;
    wire kept = acc_valid && !swap;

    assign chain_out = swap ? acc : drain;
    assign chain_valid_out = swap ? acc_valid : drain_valid;
    assign result = chain_out;
    assign result_valid = shift && chain_valid_out;

    always @(posedge clk)
        if (rst) begin
            acc_valid <= 1'b0;
            drain_valid <= 1'b0;
        end else if (en) begin
            if (shift) begin
                drain <= chain;
                drain_valid <= chain_valid;
            end
            if (mac) acc <= (kept ? acc : {SUM{1'b0}}) + product;
            acc_valid <= kept || mac;
        end
endmodule
